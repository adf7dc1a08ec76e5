"""A bundle shares its database with newer code, whose rows and schedules it does not know."""

import json
import re

import pytest

from tests.conftest import NewSite
from tests.support.site import Site
from tests.support.waiting import wait_until

NEWER = """
import datetime
from django.utils import timezone
from djbundle.tasks import call, chain
from djbundle.tasks.models import Release, Schedule, TaskRecord
from notes.tasks import write_note

now = timezone.now()
Release.objects.create(name="newer", first_seen_at=now + datetime.timedelta(days=1), seen_at=now)
Schedule.objects.create(name="newer", task_path="notes.tasks.new", interval=3600, in_code=True)
unknown = write_note.enqueue("unknown")
TaskRecord.objects.filter(pk=unknown.id).update(task_path="notes.tasks.new")
followed = chain(call(write_note, "known"), call(write_note)).enqueue()
record = TaskRecord.objects.get(pk=followed.id)
record.then[0]["task"] = "notes.tasks.new"
record.save()
"""


@pytest.fixture
def site(new_small: NewSite) -> Site:
    site = new_small()
    site.run("migrate")
    site.shell(NEWER)
    return site


def tasks(site: Site, *arguments: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(site.run("tasks", *arguments, "--json").stdout)
    return rows


def test_nothing_of_newer_code_fails_or_is_lost(site: Site) -> None:
    with site:
        wait_until(lambda: [task for task in tasks(site, "list") if task["status"] == "SUCCESSFUL"], "one has run")
        wait_until(lambda: len(tasks(site, "list")) == 3, "what follows it is there")
        wait_until(lambda: all(task["held"] for task in waiting(site)), "both are held back")
        assert [task["task_path"] for task in waiting(site)] == ["notes.tasks.new"] * 2
        (worker,) = tasks(site, "workers")
        assert re.fullmatch(r"\S+ \(20\d\d-\S+\)", str(worker["release"]))  # version and build date
        (schedule,) = [each for each in tasks(site, "schedules") if each["name"] == "newer"]
        assert (schedule["enabled"], schedule["in_code"]) == (True, True)


def waiting(site: Site) -> list[dict[str, object]]:
    return [task for task in tasks(site, "list") if task["status"] in ("READY", "RUNNING")]
