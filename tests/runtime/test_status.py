"""``status`` says what it knows of tasks: an empty queue, and the broker that carries them."""

import datetime
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from djbundle.runtime.backup import layout
from djbundle.runtime.backup.outcomes import Outcomes, Step
from djbundle.runtime.backup.retention import last_backup
from djbundle.runtime.cli.status import Snapshot, describe_snapshot
from djbundle.runtime.core.hold import Hold
from djbundle.runtime.handover.messages import SiteStatus
from djbundle.runtime.serve.site_info import masked_broker

MESSAGE: dict[str, object] = {
    "name": "shop",
    "version": "1",
    "url": "http://127.0.0.1:1",
    "urls": ["http://127.0.0.1:1"],
    "local_url": "http://127.0.0.1:1",
    "health_path": "/up",
    "certificate_ends": None,
    "data": "/data",
    "program": "/shop",
    "since": 1.5e9,
    "supervisor": 1,
    "app": 1,
    "taking_over": False,
}
BROKER: dict[str, object] = {"broker": "redis://***@host/0"}


def lines(message: Mapping[str, object], **facts: object) -> str:
    snapshot = Snapshot(SiteStatus.of(message), [], 0, 0, 0.0, {}, time.monotonic(), **facts)  # type: ignore[arg-type]
    return "\n".join(describe_snapshot(snapshot, None))


def test_the_broker_is_named() -> None:
    assert "tasks go over redis://***@host/0; status --queues tells whether it answers" in lines(MESSAGE | BROKER)


def test_a_site_without_a_broker_says_nothing_of_it() -> None:
    assert "tasks" not in lines(MESSAGE | {"broker": ""})


def test_a_version_before_does_not_tell_of_its_broker() -> None:
    assert SiteStatus.of(MESSAGE).broker == ""


def test_empty_queues_are_told() -> None:
    assert "no task waits or runs" in lines(MESSAGE, queues=[])
    assert "no task" not in lines(MESSAGE)


@pytest.mark.parametrize(
    "url", ["redis://:tops3cret@host/0", "amqp://me:tops3cret@host", "redis://:tops3cret@host:port"]
)
def test_the_password_of_the_broker_is_not_told(url: str) -> None:
    assert "tops3cret" not in masked_broker(url)


def test_a_wrong_url_is_no_broker() -> None:
    assert masked_broker("tops3cret") == masked_broker("") == ""


def test_the_age_of_the_last_backup(tmp_path: Path) -> None:
    assert "last backup" not in lines(MESSAGE)
    folder = tmp_path / "backups"
    folder.mkdir()
    now = datetime.datetime.now(datetime.UTC)
    for hours in (3, 30):
        (folder / layout.file_name("shop", now - datetime.timedelta(hours=hours))).touch()
    last = last_backup(tmp_path, "shop")
    assert last
    assert "last backup 3.0 h ago" in lines(MESSAGE, last_backup=last.timestamp())


def test_what_failed_at_night_and_what_worked(tmp_path: Path) -> None:
    """A failure is told until the next success, with its cause, and the time of the last proof is."""
    (tmp_path / "backups").mkdir()
    Outcomes().with_success(Step.PROOF, "shop-1.tar.zst").write(tmp_path)
    proved = lines(MESSAGE, last_backup=time.time() - 7300, outcomes=Outcomes.read(tmp_path))
    assert "last backup 2.0 h ago; one was proved " in proved
    Outcomes.read(tmp_path).with_failure(Step.PROOF, "the page fails").write(tmp_path)
    failed = lines(MESSAGE, outcomes=Outcomes.read(tmp_path))
    assert "the proof of the last backup failed " in failed
    assert " ago: the page fails" in failed
    Outcomes.read(tmp_path).with_success(Step.PROOF, "shop-2.tar.zst").write(tmp_path)
    assert Outcomes.read(tmp_path).failing() == []
    (tmp_path / "backups" / "outcomes.json").write_text("[1]")
    assert Outcomes.read(tmp_path) == Outcomes()


def test_a_held_copy_says_so_first() -> None:
    hold = Hold("shop-20261129T030000Z.tar.zst", "2026-11-29T03:00:00Z", "")
    assert "THIS IS a held copy, restored from shop-20261129T030000Z.tar.zst" in lines(MESSAGE, hold=hold)
