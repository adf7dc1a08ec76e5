"""A backend in ``TASKS`` that cannot be made breaks no other backend."""

import pytest
from django.test import override_settings

from djbundle.tasks import options
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import limits
from djbundle.tasks.testing import run_pending
from tests.tasks import jobs

OURS = {"BACKEND": "djbundle.tasks.DatabaseBackend"}
GOOD = OURS | {"QUEUES": ["default", "mails"], "OPTIONS": {"LEASE": 7, "RATE_LIMITS": {"mails": "100/m"}}}


class Broken:
    def __init__(self, **_params: object) -> None:
        raise RuntimeError("no broker is named")


@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize("backend", ["does.not.exist", f"{__name__}.Broken"])
def test_others_go_on(backend: str) -> None:
    with override_settings(TASKS={"broken": {"BACKEND": backend}, "default": GOOD}):
        assert options.lease().total_seconds() == 7
        assert set(limits.rates()) == {"mails"}
        jobs.say.using(queue_name="mails").enqueue("x")
        jobs.say.enqueue("y")
        assert run_pending() == 2
    assert set(TaskRecord.objects.values_list("return_value", flat=True)) == {"x", "y"}
