"""Promises about chains and groups."""

from typing import Any

from djbundle.tasks.conformance import jobs
from djbundle.tasks.conformance.promise import expect, subject
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Chains and groups")


def calls(bed: Testbed) -> Any:
    """Return the module of chains and groups. Raise Refused if the backend has none."""
    bed.require_ours("chains and groups")
    from djbundle.tasks import workflow  # noqa: PLC0415 - needs the app

    return workflow


@promise
def each_call_of_a_chain_gets_the_result_before_it(bed: Testbed) -> None:
    """Chain three calls that count, and one that tells."""
    flow = calls(bed)
    steps = [flow.call(jobs.add, 1), flow.call(jobs.add, more=10), flow.call(jobs.add, more=100)]
    flow.chain(*steps, flow.call(jobs.note_result, folder=bed.folder)).enqueue()
    lines = bed.wait_for_lines(1, "its last call did not run")
    expect(lines == [112], f"its last call got {lines}")


@promise
def a_failure_ends_its_chain(bed: Testbed) -> None:
    """Chain a call that fails, and one that tells."""
    flow = calls(bed)
    flow.chain(flow.call(jobs.fail, bed.folder), flow.call(jobs.note_result, folder=bed.folder)).enqueue()
    bed.wait_for_lines(1, "its first call did not run")
    bed.settle()
    expect(bed.lines() == ["failed", "settled"], "the call after the failure ran")


@promise
def what_follows_a_group_gets_all_results_in_order(bed: Testbed) -> None:
    """Group eight calls and a chain, followed by one that tells."""
    flow = calls(bed)
    members = [flow.call(jobs.add, number) for number in range(8)]
    longer = flow.chain(flow.call(jobs.add, 100), flow.call(jobs.add))
    flow.group([*members, longer], then=flow.call(jobs.note_result, folder=bed.folder)).enqueue()
    lines = bed.wait_for_lines(1, "what follows did not run")
    bed.settle()
    expect(bed.lines()[:-1] == [[*range(1, 9), 102]], f"what follows got {lines}")


@promise
def nothing_follows_a_group_with_a_failure(bed: Testbed) -> None:
    """Group two calls, one of which fails, followed by one that tells."""
    flow = calls(bed)
    members = [flow.call(jobs.add, 1), flow.call(jobs.fail, bed.folder)]
    group = flow.group(members, then=flow.call(jobs.note_result, folder=bed.folder)).enqueue()
    bed.wait_for_lines(1, "its members did not run")
    bed.settle()
    expect(bed.lines() == ["failed", "settled"], "what follows ran")
    expect(group.is_failed, "the group has not failed")
