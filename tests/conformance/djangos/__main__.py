"""Run Django's own tests of its tasks, with our backends in place of the two that come with Django.

python -m tests.conformance.djangos FOLDER: the folder of Django's source archive that contains ``tasks``. Prints as
JSON how each test has ended. Nothing of Django's is copied here: see tests/test_conformance.py.
"""

import json
import os
import sys
import unittest
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.conformance.settings"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # in an event loop the tests read a list; here, it is a database
django.setup()

from django.core.management import call_command  # noqa: E402 - after setup
from django.db import connections  # noqa: E402
from django.tasks.backends import dummy, immediate  # noqa: E402
from django.test import SimpleTestCase  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

from djbundle.tasks import DatabaseBackend, InlineBackend  # noqa: E402
from djbundle.tasks.models import TaskRecord  # noqa: E402

MODULES = ("test_tasks", "test_dummy_backend", "test_immediate_backend", "test_custom_backend")


class Stored(DatabaseBackend):
    """Has the attributes of the dummy backend that the tests use; the dummy backend keeps results in a list."""

    @property
    def results(self) -> list[Any]:
        return [record.to_result() for record in TaskRecord.objects.order_by("id")]

    def clear(self) -> None:
        TaskRecord.objects.all().delete()


class Ended(unittest.TextTestResult):
    """Records how each test has ended, and leaves no task to the next test."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ends: dict[str, str] = {}

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's
        TaskRecord.objects.all().delete()
        self.ends[_name_of(test)] = "passed"
        super().startTest(test)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self.ends[_name_of(test)] = "failed"
        super().addFailure(test, err)

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self.ends[_name_of(test)] = "failed"
        super().addError(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802
        if err:
            self.ends[_name_of(test)] = "failed"
        super().addSubTest(test, subtest, err)


def _name_of(test: unittest.TestCase) -> str:
    """Return a name like "TaskTestCase.test_name"."""
    return ".".join(test.id().split(".")[-2:])


def main(folder: str) -> None:
    setup_test_environment()
    call_command("migrate", verbosity=0)
    dummy.DummyBackend = Stored  # type: ignore[misc]
    immediate.ImmediateBackend = InlineBackend  # type: ignore[misc,assignment]
    SimpleTestCase.databases = "__all__"  # Django's tests need none
    sys.path.insert(0, folder)
    suite = unittest.defaultTestLoader.loadTestsFromNames([f"tasks.{name}" for name in MODULES])
    result = unittest.TextTestRunner(resultclass=Ended).run(suite)
    connections.close_all()
    print(json.dumps(result.ends))


main(sys.argv[1])
