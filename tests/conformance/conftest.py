"""Django of this environment, with a fresh database."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import pytest

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.conformance.settings"
FOLDER = tempfile.TemporaryDirectory(prefix="djbundle-conformance-")
os.environ.setdefault("CONFORMANCE_DATABASE", str(Path(FOLDER.name) / "db.sqlite3"))
django.setup()

from django.core.management import call_command  # noqa: E402 - after setup
from django.db import connections  # noqa: E402

from djbundle.tasks.models import TaskRecord  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _database() -> Iterator[None]:
    call_command("migrate", verbosity=0)
    yield
    connections.close_all()
    FOLDER.cleanup()


@pytest.fixture(autouse=True)
def _no_tasks(_database: None) -> None:
    TaskRecord.objects.all().delete()
