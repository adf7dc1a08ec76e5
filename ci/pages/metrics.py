"""The page of metrics: from what ``/metrics`` prints for a small site."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from ci.pages.markdown import code, prose, table
from djbundle.contract.layout import BACKUPS
from djbundle.manifest import BuildInfo, Manifest
from djbundle.runtime.backup import layout
from djbundle.runtime.backup.outcomes import Outcomes, Step
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.metrics import server
from djbundle.runtime.process.counters import Scoreboard
from djbundle.tasks.compat import task_backends
from djbundle.tasks.engine.relay_registry import RelayRegistration
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store.worker_identity import Identity

HELP = re.compile(r"^# HELP (\w+) (.*)$", re.MULTILINE)
TYPE = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)
NAME = re.compile(r'"(djbundle_\w+)"')  # in the code
LABEL = re.compile(r'(\w+)="')


def page() -> Iterator[str]:
    yield "# Metrics\n"
    yield "`./shop serve --metrics-bind HOST:PORT` answers these at `/metrics`, in the text format of Prometheus."
    yield "A metric without a sample is left out.\n"
    text = exposition()
    helps, kinds = dict(HELP.findall(text)), dict(TYPE.findall(text))
    code_of_metrics = "".join(path.read_text() for path in Path(server.__file__).parent.glob("*.py"))
    if unseen := {*NAME.findall(code_of_metrics)} - helps.keys():
        raise SystemExit(f"these metrics have no sample here: {sorted(unseen)}")
    rows = (
        [code(name), kinds[name], labels_of(name, text), prose(help_text)] for name, help_text in sorted(helps.items())
    )
    yield from table(["metric", "type", "labels", "meaning"], rows)


def labels_of(name: str, text: str) -> str:
    label_texts = re.findall(rf"^{name}(?:_bucket)?{{(.*)}} ", text, re.MULTILINE)
    return ", ".join(map(code, dict.fromkeys(label for each in label_texts for label in LABEL.findall(each))))


def exposition() -> str:
    """Return the metrics of a site with a web process, SQLite, a backup, two tasks, a broker and its relay."""
    build = BuildInfo(djbundle="", python="", django="", sqlite="", date="", git_commit=None)
    manifest = Manifest(
        name="shop", version="1", settings_module="", interface="wsgi", application=None, static_root="", build=build
    )
    scoreboard = Scoreboard.create(1)
    scoreboard.slot(0).count_start("web")
    with tempfile.TemporaryDirectory() as folder:
        database = str(Path(folder) / "db.sqlite3")
        settings.DATABASES["default"]["NAME"] = connections["default"].settings_dict["NAME"] = database
        backup = Path(folder, BACKUPS, layout.file_name(manifest.name, timezone.now()))
        backup.parent.mkdir()
        backup.touch()
        Outcomes().with_success(Step.PROOF, backup.name).write(Path(folder))
        try:
            call_command("migrate", verbosity=0)
            task_backends["default"].options["URL"] = "redis://host"
            RelayRegistration(Identity.of_this_process()).record_success()
            for sent_at in (None, timezone.now()):
                TaskRecord.new(task_path="shop.tasks.mail", queue_name="mails", sent_at=sent_at).save()
            return server.collect(Bundle(Path(folder), manifest, "./shop", Path(folder)), scoreboard)
        finally:
            connections.close_all()
