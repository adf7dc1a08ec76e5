"""The parts of backups by themselves: a still picture of a busy database, what stays, and exchanges that are killed."""

import datetime
import itertools
import multiprocessing
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from djbundle.errors import BackupError
from djbundle.runtime.backup import exchange, layout, schedule
from djbundle.runtime.backup.exchange import Exchange, Restore
from djbundle.runtime.backup.policy import Frequency, Retention
from djbundle.runtime.backup.retention import expired, list_backups, remove_expired
from djbundle.runtime.backup.snapshot import open_snapshot

ROWS, VALUE = 200, 1000
SNAPSHOTS = {"WAL": 40, "DELETE": 4}  # by journal mode; without a log, each waits for the writers
START = datetime.datetime(2026, 11, 30, 12, 30, tzinfo=datetime.UTC)

# --- snapshots ---


def make_database(database: Path, mode: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, value INTEGER, filling BLOB)")
        connection.execute("CREATE INDEX by_value ON accounts (value)")
        rows = ((number, VALUE, os.urandom(3000)) for number in range(ROWS))
        connection.executemany("INSERT INTO accounts VALUES (?, ?, ?)", rows)
        connection.commit()


def transfer(database: Path, seed: int, ended: Callable[[], bool]) -> None:
    """Move values between accounts, whose sum stays, and make SQLite empty and restart its log all the time."""
    choice = random.Random(seed)
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA wal_autocheckpoint={choice.choice([1, 10, 100])}")
        while not ended():
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(choice.randint(1, 20)):
                (giver, taker), amount = choice.sample(range(ROWS), 2), choice.randint(1, 100)
                filling = choice.randbytes(choice.randint(10, 9000))
                change = "UPDATE accounts SET value = value + ?, filling = ? WHERE id = ?"
                connection.execute(change, (-amount, filling, giver))
                connection.execute(change, (amount, filling, taker))
            connection.execute("COMMIT")
            if choice.random() < 0.2:
                connection.execute(
                    f"PRAGMA wal_checkpoint({choice.choice(['TRUNCATE', 'RESTART', 'FULL', 'PASSIVE'])})"
                )


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_each_snapshot_of_a_busy_database_is_whole(tmp_path: Path, mode: str) -> None:
    database = tmp_path / "busy.sqlite3"
    make_database(database, mode)
    ended = multiprocessing.Event()
    writers = [multiprocessing.Process(target=transfer, args=(database, seed, ended.is_set)) for seed in (1, 2)]
    for writer in writers:
        writer.start()
    try:
        for number in range(SNAPSHOTS[mode]):
            folder = tmp_path / str(number)
            folder.mkdir()
            copy_slowly(database, folder)
            with closing(sqlite3.connect(folder / "copy.sqlite3")) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert copy.execute("SELECT sum(value), count(*) FROM accounts").fetchone() == (ROWS * VALUE, ROWS)
    finally:
        ended.set()
        for writer in writers:
            writer.join()


def copy_slowly(database: Path, folder: Path) -> None:
    """Copy in small parts, between which the writers go on."""
    work = folder / "work"
    work.mkdir()
    with open_snapshot(database, work) as parts:
        for part in parts:
            with (folder / f"copy.sqlite3{part.suffix}").open("wb") as target:
                for start in range(0, part.size, 1 << 16):
                    target.write(part.file.read(min(1 << 16, part.size - start)))
                    os.sched_yield()


# --- which backups stay ---


def moments(step: datetime.timedelta, count: int) -> list[datetime.datetime]:
    return [START - step * number for number in range(count)]


def test_what_stays_of_a_year_of_hourly_backups() -> None:
    hours = moments(datetime.timedelta(hours=1), 365 * 24)
    kept = sorted(set(hours) - set(expired(hours, Retention(24, 7, 4))), reverse=True)
    assert kept[:24] == hours[:24]
    days = {moment.date() for moment in kept}
    assert {START.date() - datetime.timedelta(days=number) for number in range(7)} <= days
    assert len({moment.isocalendar()[:2] for moment in kept}) == 4
    assert len(kept) <= 24 + 7 + 4


def test_the_newest_always_stays() -> None:
    assert expired([START], Retention(0, 0, 0)) == []
    two = moments(datetime.timedelta(hours=1), 2)
    assert expired(two, Retention(0, 0, 0)) == [two[1]]


def test_only_backups_of_the_site_are_removed(tmp_path: Path) -> None:
    days = moments(datetime.timedelta(days=1), 3)
    ours = [tmp_path / layout.file_name("shop", moment) for moment in days]
    others = [tmp_path / layout.file_name("shop-test", days[2]), tmp_path / "shop-old.tar.zst", tmp_path / "db.sqlite3"]
    for path in (*ours, *others):
        path.touch()
    assert list_backups(tmp_path, "shop") == ours
    assert remove_expired(tmp_path, "shop", Retention(0, 2, 0)) == [ours[2]]
    assert sorted(tmp_path.iterdir()) == sorted([*ours[:2], *others])


@pytest.mark.parametrize(
    ("frequency", "due"),
    [(Frequency.HOURLY, datetime.datetime(2026, 11, 30, 13)), (Frequency.NIGHTLY, datetime.datetime(2026, 12, 1, 3))],
)
def test_when_the_next_backup_is_due(frequency: Frequency, due: datetime.datetime) -> None:
    first = schedule.next_time(frequency, START)
    assert first == due.replace(tzinfo=datetime.UTC)
    assert schedule.next_time(frequency, first) - first in (datetime.timedelta(hours=1), datetime.timedelta(days=1))


# --- exchanges ---


class KilledError(BaseException):
    """Stands for SIGKILL: no handler of the code catches it."""


@pytest.fixture
def restore(tmp_path: Path) -> Restore:
    """Return an exchange of a database with its log, an upload that is there, and one that is not."""
    (tmp_path / exchange.FOLDER).mkdir()
    (tmp_path / "site.sqlite3").write_text("old")
    (tmp_path / "site.sqlite3-wal").write_text("old log")
    (tmp_path / "photo.png").write_text("old")
    exchanges = []
    for name, is_database in (("site.sqlite3", True), ("photo.png", False), ("more/new.png", False)):
        new, target = tmp_path / exchange.FOLDER / Path(name).name, tmp_path / name
        new.write_text("new")
        exchanges.append(Exchange(str(new), str(target), f"{target}.kept", is_database))
    return Restore(tmp_path, exchanges)


def state(data: Path) -> dict[str, str]:
    """Return the content of the site's files."""
    names = ("site.sqlite3", "site.sqlite3-wal", "photo.png", "more/new.png")
    return {name: (data / name).read_text() for name in names if (data / name).exists()}


OLD = {"site.sqlite3": "old", "site.sqlite3-wal": "old log", "photo.png": "old"}
NEW = {"site.sqlite3": "new", "photo.png": "new", "more/new.png": "new"}


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kill at the given call of what changes the disk."""
    counter = itertools.count()

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            if next(counter) == step:
                raise KilledError
            return function(*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in ("rename", "unlink", "mkdir", "fsync"):
            patch.setattr(os, name, counted(getattr(os, name)))
        yield


def carry_out(restore: Restore) -> None:
    restore.write()
    restore.finish()
    restore.commit()


def test_a_kill_at_each_step_leaves_all_old_or_all_new(
    restore: Restore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start after it finds nothing half done, and so does a second start."""
    outcomes = set()
    for step in range(100):
        is_killed = False
        for _ in killed_at(step, monkeypatch):
            try:
                carry_out(restore)
            except KilledError:
                is_killed = True
        exchange.recover(tmp_path)
        after = state(tmp_path)
        assert after in (OLD, NEW), step
        exchange.recover(tmp_path)
        assert state(tmp_path) == after
        outcomes.add(tuple(after))
        if after == NEW:
            assert (tmp_path / "site.sqlite3.kept").read_text() == "old"
            assert (tmp_path / "site.sqlite3.kept-wal").read_text() == "old log"
            restore.undo()
            assert state(tmp_path) == OLD
        if not is_killed:
            break
    else:
        pytest.fail("it was killed at each of the steps")
    assert outcomes == {tuple(OLD), tuple(NEW)}


def test_a_failure_half_way_puts_everything_back(
    restore: Restore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.rename

    def fail_for_uploads(source: str | Path, target: str | Path) -> None:
        if str(target).endswith("new.png") and "more" in str(target):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "rename", fail_for_uploads)
    restore.write()
    with pytest.raises(BackupError, match="No space left"):
        restore.finish()
    assert state(tmp_path) == OLD


def test_an_order_counts_only_while_its_command_runs(restore: Restore, tmp_path: Path) -> None:
    """A later upgrade must not carry out what a killed command has ordered."""
    restore.write()
    assert exchange.read_order(tmp_path) is None
