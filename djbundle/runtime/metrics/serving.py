"""The metrics of the site's processes: what they have counted, and the memory that they use."""

import itertools
from collections.abc import Iterable, Iterator

from djbundle.runtime.metrics.families import Family, Sample
from djbundle.runtime.process.counters import BOUNDS, Counts, Scoreboard
from djbundle.runtime.process.process_tree import Process


def requests(scoreboard: Scoreboard) -> Iterator[Family]:
    counts = Counts.sum(scoreboard.by_role().get("web", []))
    yield Family(
        "djbundle_requests_total",
        "counter",
        "Requests answered, by the class of their status.",
        [Sample(count, {"code": f"{digit}xx"}) for digit, count in enumerate(counts.responses) if digit],
    )
    buckets = zip([f"{bound:g}" for bound in BOUNDS] + ["+Inf"], itertools.accumulate(counts.buckets), strict=True)
    yield Family(
        "djbundle_request_duration_seconds",
        "histogram",
        "From the complete request to the head of its response.",
        [
            *(Sample(count, {"le": bound}, "_bucket") for bound, count in buckets),
            Sample(counts.seconds, suffix="_sum"),
            Sample(counts.total, suffix="_count"),
        ],
    )


def starts(scoreboard: Scoreboard) -> Family:
    samples = [Sample(Counts.sum(each).starts, {"role": role}) for role, each in scoreboard.by_role().items()]
    return Family(
        "djbundle_starts_total", "counter", "Starts of processes; more starts than processes mean crashes.", samples
    )


def processes(tree: Iterable[Process]) -> Iterator[Family]:
    by_role: dict[str, list[Process]] = {}
    for each in tree:
        by_role.setdefault(each.role, []).append(each)
    roles = {role: {"role": role} for role in by_role}
    count = [Sample(len(each), roles[role]) for role, each in by_role.items()]
    memory = [Sample(sum(process.memory for process in each), roles[role]) for role, each in by_role.items()]
    yield Family("djbundle_processes", "gauge", "Processes of the site.", count)
    yield Family(
        "djbundle_memory_bytes",
        "gauge",
        "Memory of the processes, with each shared page counted by its share (PSS).",
        memory,
    )
