"""Any order of the statements of transitions.py, compared with a model of the states of a task."""

import datetime
from dataclasses import dataclass

import pytest
from django.tasks import TaskResultStatus
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from djbundle.tasks import operations_api
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import claim as claiming
from djbundle.tasks.store import leases, transitions
from djbundle.tasks.store.outcome import Outcome, entry_of
from djbundle.tasks.store.worker_identity import Identity, this_machine
from tests.tasks import jobs

READY, RUNNING = TaskResultStatus.READY, TaskResultStatus.RUNNING
SUCCESSFUL, FAILED = TaskResultStatus.SUCCESSFUL, TaskResultStatus.FAILED
ELSEWHERE = [Identity("another-machine", pid, "1") for pid in (1, 2)]
DEAD = Identity(this_machine(), 1, "0")  # no process has run since before the boot
MOST = 3  # tasks at a time, so that much happens to each
MOMENT = datetime.timedelta(seconds=1)


@dataclass
class Model:
    """The expected state of one task."""

    status: str = READY
    epoch: int = 0
    losses: int = 0
    worker_losses: int = 0  # part of the losses
    errors: int = 0
    worker: str = ""
    begun: bool = False
    lapsed: bool = False  # its lease has expired
    expired: bool = False
    value: object = None

    def end_run(self, status: str) -> None:
        self.status, self.worker, self.lapsed = status, "", False

    def record_crash(self, *, with_worker: bool = False) -> None:
        self.losses += 1
        self.worker_losses += with_worker
        own = self.losses - self.worker_losses
        given_up = own >= leases.MAX_CRASHES or self.losses >= leases.MAX_CRASHES_IN_ALL
        self.errors += given_up
        self.end_run(FAILED if given_up else READY)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tasks of a worker that is gone run again at once."""
    monkeypatch.setattr(leases, "SPREAD_SECONDS", 0.0)


class Transitions(RuleBasedStateMachine):
    """`runs` are claims: current ones, and those that have lost their lease."""

    tasks, runs = Bundle("tasks"), Bundle("runs")

    @initialize()
    def empty(self) -> None:
        TaskRecord.objects.all().delete()
        self.model: dict[int, Model] = {}

    @precondition(lambda self: len(self.model) < MOST)
    @rule(target=tasks, expires=st.booleans())
    def enqueue(self, expires: bool) -> int:
        task = jobs.add.using(expires=1000) if expires else jobs.add
        pk = int(task.enqueue(1, 2).id)
        self.model[pk] = Model()
        return pk

    @rule(target=runs, worker=st.sampled_from([*ELSEWHERE, DEAD]), limit=st.integers(1, 3))
    def claim(self, worker: Identity, limit: int) -> object:
        return multiple(*self.claimed(worker, limit))

    @rule(times=st.integers(1, leases.MAX_CRASHES))
    def processes_die(self, times: int) -> None:
        """Let processes die one after the other, with the tasks that they run."""
        for _ in range(times):
            for record in self.claimed(ELSEWHERE[0], MOST):
                self.record_crash(record)

    def claimed(self, worker: Identity, limit: int) -> list[TaskRecord]:
        claimable = [pk for pk, each in self.model.items() if each.status == READY and not each.expired]
        records = claiming.claim(worker, limit)
        assert len(records) == min(limit, len(claimable))
        for record in records:
            assert record.pk in claimable
            model = self.model[record.pk]
            model.status, model.worker, model.begun, model.epoch = RUNNING, str(worker), True, model.epoch + 1
            assert record.epoch == model.epoch
        return records

    def current(self, run: TaskRecord) -> Model | None:
        """Return the model of its task if this run may still write."""
        model = self.model.get(run.pk)
        return model if model and model.status == RUNNING and model.epoch == run.epoch else None

    @rule(run=runs, status=st.sampled_from([SUCCESSFUL, FAILED, READY]))
    def finish(self, run: TaskRecord, status: str) -> None:
        failed = status != SUCCESSFUL
        error = entry_of(ValueError, "") if failed else None
        dropped = transitions.finish([Outcome(run.pk, run.epoch, status, None if failed else str(run.epoch), error)])
        model = self.current(run)
        assert dropped == (model is None)
        if model:
            model.end_run(status)
            model.errors += failed
            model.value = None if failed else run.epoch

    @rule(runs=st.lists(runs, min_size=2, max_size=5, unique_by=lambda run: (run.pk, run.epoch)))
    def finish_together(self, runs: list[TaskRecord]) -> None:
        current = [(run, model) for run in runs if (model := self.current(run))]
        dropped = transitions.finish([Outcome(run.pk, run.epoch, SUCCESSFUL, str(run.epoch)) for run in runs])
        assert dropped == len(runs) - len(current)
        for run, model in current:
            model.end_run(SUCCESSFUL)
            model.value = run.epoch

    @rule(run=runs)
    def give_back(self, run: TaskRecord) -> None:
        model = self.current(run)
        assert transitions.give_back(run) == (model is not None)
        if model:
            model.end_run(READY)

    @rule(run=runs)
    def crash_one(self, run: TaskRecord) -> None:
        self.record_crash(run)

    def record_crash(self, run: TaskRecord) -> None:
        model = self.current(run)
        assert leases.record_crash(run) == (model is not None)
        if model:
            model.record_crash()

    @rule(run=runs)
    def expire_lease(self, run: TaskRecord) -> None:
        if model := self.current(run):
            TaskRecord.objects.filter(pk=run.pk).update(lease_until=timezone.now() - MOMENT)
            model.lapsed = True

    @rule(worker=st.sampled_from(ELSEWHERE))
    def renew(self, worker: Identity) -> None:
        leases.renew(worker)
        for model in self.model.values():
            if model.worker == str(worker):
                model.lapsed = False

    @rule()
    def rescue(self) -> None:
        gone = [each for each in self.model.values() if each.status == RUNNING and (each.lapsed or self.is_dead(each))]
        assert leases.rescue() == len(gone)
        for model in gone:
            model.record_crash(with_worker=True)

    @staticmethod
    def is_dead(model: Model) -> bool:
        return model.worker == str(DEAD)

    @rule(worker=st.sampled_from(ELSEWHERE), known=st.lists(runs))
    def give_back_unknown(self, worker: Identity, known: list[TaskRecord]) -> None:
        pks = {run.pk for run in known}
        unknown = [each for pk, each in self.model.items() if each.worker == str(worker) and pk not in pks]
        assert leases.give_back_unknown(worker, list(pks)) == len(unknown)
        for model in unknown:
            model.end_run(READY)

    @rule(pk=tasks)
    def pass_expiry(self, pk: int) -> None:
        changed = TaskRecord.objects.filter(pk=pk, expires_at__isnull=False).update(expires_at=timezone.now() - MOMENT)
        if changed and not self.model[pk].begun:
            self.model[pk].expired = True

    @rule()
    def expire(self) -> None:
        late = [each for each in self.model.values() if each.status == READY and each.expired]
        assert transitions.expire() == len(late)
        for model in late:
            model.end_run(FAILED)
            model.errors = 1

    @rule(pk=tasks)
    def retry(self, pk: int) -> None:
        model = self.model[pk]
        assert operations_api.retry(transitions.records().filter(pk=pk)) == (model.status == FAILED)
        if model.status == FAILED:
            model.status, model.errors, model.begun, model.expired = READY, 0, False, False
            model.losses = model.worker_losses = 0

    @rule(pk=consumes(tasks))
    def discard(self, pk: int) -> None:
        running = self.model[pk].status == RUNNING
        assert operations_api.discard(transitions.records().filter(pk=pk)) == (not running)
        if not running:
            del self.model[pk]

    @invariant()
    def rows_are_as_the_model_says(self) -> None:
        rows = {record.pk: record for record in TaskRecord.objects.all()}
        assert rows.keys() == self.model.keys()
        for pk, model in self.model.items():
            row = rows[pk]
            assert (row.status, row.epoch) == (model.status, model.epoch)
            assert (row.losses, row.worker_losses or 0) == (model.losses, model.worker_losses)
            assert (row.worker, len(row.errors), row.return_value) == (model.worker, model.errors, model.value)
            assert (row.lease_until is not None) == (model.status == RUNNING)
            assert (row.finished_at is not None) == (model.status in (SUCCESSFUL, FAILED))
            assert len(row.worker_ids) == model.epoch


TestTransitions = Transitions.TestCase
TestTransitions.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
