"""Other backends in ``TASKS``: one that cannot be made breaks no other, and the options of each are its own."""

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


def test_options_of_another_backend_are_not_ours() -> None:
    """They may have the same names. The URL of an engine is no broker of ours."""
    theirs = {"LEASE": 1, "KEEP": None, "URL": "nats://127.0.0.1", "RATE_LIMITS": {"mails": "1/s"}}
    other = {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend", "OPTIONS": theirs}
    with override_settings(TASKS={"other": other, "default": OURS | {"OPTIONS": {"ENGINE": "other"}}}):
        assert options.lease().total_seconds() == options.LEASE
        assert options.keep() is not None
        assert (options.broker(), options.engine()) == (None, "other")
        assert limits.rates() == {}
