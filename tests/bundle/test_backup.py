"""``./shop backup`` and ``restore``, of a site that serves and of one that does not."""

import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from djbundle.runtime.backup import layout
from tests.bundle.records import ADD, site_with_note
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.load import Load, writer
from tests.support.object_store import ObjectStore
from tests.support.ports import free_port
from tests.support.site import Site
from tests.support.waiting import wait_until

COUNT = "from notes.models import Note; print(Note.objects.count())"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cret-key-of-the-bucket"}
UPLOAD = "photos/ü and a blank.png"
BACK_UP = """
from pathlib import Path
from types import SimpleNamespace
from djbundle.runtime.backup.policy import BackupPolicy, Frequency, Retention
from djbundle.runtime.backup.schedule import back_up_and_prune
from django.conf import settings
bundle = SimpleNamespace(
    data=Path({data!r}),
    manifest=SimpleNamespace(name="small", version="1", build=SimpleNamespace(git_commit=None)),
)
settings.ADMINS = ["admin@example.com"]
settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
policy = BackupPolicy(Frequency.NIGHTLY, Retention(0, 2, 0), {copy_to!r}, {recipients!r}, {is_proved})
print("code", back_up_and_prune(bundle, policy, lambda: None))
"""


def steps(site: Site, *words: str) -> list[dict[str, object]]:
    """Run the command, and return its steps."""
    return [json.loads(line) for line in site.run(*words, "--json").stdout.splitlines()]


def back_up(site: Site, *words: str) -> Path:
    *_, last = steps(site, "backup", *words)
    assert last["state"] == "written"
    return Path(str(last["file"]))


def run_night(
    site: Site, copy_to: str | None = None, recipients: tuple[str, ...] = (), *, is_proved: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run what `serve` runs each night."""
    code = BACK_UP.format(data=str(site.data), copy_to=copy_to, recipients=recipients, is_proved=is_proved)
    return site.run("shell", "-v0", "-c", code)


def refusal(site: Site, *words: str) -> tuple[int, str]:
    result = site.run(*words, check=False)
    assert "Traceback" not in result.stderr
    return result.returncode, result.stderr


def content(data: Path) -> dict[str, str]:
    """Return the hash of each file of the data, but for locks and what SQLite writes beside the database."""
    names = [path for path in data.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal", "lock"))]
    return {str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest() for path in names}


@pytest.fixture
def site(new_small: NewSite) -> Site:
    """Return a site with a note and an upload."""
    site = site_with_note(new_small, "first")
    upload = site.data / "media" / UPLOAD
    upload.parent.mkdir(parents=True)
    upload.write_bytes(b"picture")
    return site


def test_under_load_there_and_back(site: Site, tmp_path: Path) -> None:
    """What was written before the backup comes back, what was written later goes, and no request fails meanwhile."""
    with site:
        with Load(site, [writer]) as load:
            wait_until(lambda: len(load.written) > 20, "customers write")
            backup = back_up(site, str(tmp_path / "elsewhere"))
            count = len(load.written)
            wait_until(lambda: len(load.written) > count + 20, "customers go on")
        assert load.failures == []
        (site.data / "media" / UPLOAD).write_bytes(b"another picture")
        with Load(site) as load:
            wait_until(lambda: load.has_more_than(20), "customers read")
            *_, last = steps(site, "restore", str(backup))
            before = load.response_count()
            wait_until(lambda: load.has_more_than(before + 20), "customers read what was restored")
        assert load.failures == []
        assert last["state"] == "restored"
        assert (site.data / "media" / UPLOAD).read_bytes() == b"picture"
        with closing(sqlite3.connect(str(last["kept"]))) as kept, closing(sqlite3.connect(database(site))) as restored:
            records = "SELECT count(*) FROM djbundle_tasks_taskrecord"
            ((older,), (newer,)) = (each.execute(records).fetchone() for each in (restored, kept))
        assert 20 <= older < newer
    assert backup.stat().st_mode & 0o777 == 0o600


def database(site: Site) -> Path:
    (path,) = site.data.glob("*.sqlite3")
    return path


def test_a_new_machine(site: Site, tmp_path: Path) -> None:
    backup = back_up(site, str(tmp_path / "elsewhere"))
    key = (site.data / "secret_key").read_text() if (site.data / "secret_key").exists() else ""
    site.data.rename(tmp_path / "lost")
    *_, restored, held = steps(site, "restore", str(backup))
    assert (restored["state"], held["state"]) == ("restored", "held"), "nobody knows yet that the old machine is off"
    assert site.shell(COUNT) == "1"
    assert (site.data / "media" / UPLOAD).read_bytes() == b"picture"
    assert not key or (site.data / "secret_key").read_text() == key
    with site:
        assert Customer(site.url).get("/").status == 200


def test_tar_zstd_and_sqlite_open_it(site: Site, tmp_path: Path) -> None:
    """No djbundle is needed to get at the data."""
    folder = tmp_path / "open"
    folder.mkdir()
    backup = back_up(site)
    command = 'zstd -dc < $1 | tar -x && sha256sum --quiet -c SHA256SUMS && sqlite3 databases/default.sqlite3 "$2"'
    query = "SELECT text FROM notes_note"
    result = subprocess.run(
        ["sh", "-c", command, "sh", backup, query], cwd=folder, capture_output=True, text=True, check=True
    )
    assert result.stdout == "first\n"
    assert json.loads((folder / layout.ABOUT).read_text())["site"] == "small"


def test_latest_list_and_check(site: Site) -> None:
    assert refusal(site, "restore", "latest")[0] == 72
    backup = back_up(site)
    (listed,) = steps(site, "backup", "--list")
    assert listed["file"] == str(backup)
    assert steps(site, "backup", "--check", "latest")[-1]["state"] == "whole"
    before = content(site.data)
    assert steps(site, "restore", "latest", "--check")[-1]["state"] == "whole"
    assert content(site.data) == before


def test_damaged_backups_change_nothing(site: Site, tmp_path: Path) -> None:
    """A bit that has flipped anywhere is found, and so is an end that is missing."""
    backup = back_up(site, str(tmp_path / "elsewhere"))
    whole, damaged = backup.read_bytes(), tmp_path / "damaged.tar.zst"
    site.shell(ADD.format(text="second"))
    before = content(site.data)
    for place in range(0, len(whole), max(1, len(whole) // 12)):
        flipped = bytearray(whole)
        flipped[place] ^= 16
        damaged.write_bytes(flipped)
        code, text = refusal(site, "restore", str(damaged))
        assert (code, text[:7]) == (72, "error: "), place
    for size in (0, 10, len(whole) // 2):
        damaged.write_bytes(whole[:size])
        assert refusal(site, "restore", str(damaged))[0] == 72, size
    assert content(site.data) == before
    assert site.shell(COUNT) == "2"


def test_a_newer_schema_names_its_migrations(site: Site) -> None:
    with closing(sqlite3.connect(database(site))) as connection, connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('notes', '0009_next', '2030-01-01')"
        )
    backup = back_up(site)
    code, text = refusal(site, "restore", str(backup))
    assert code == 72
    assert "notes.0009_next" in text
    assert "restore it with version" in text


def test_a_restored_site_that_does_not_answer_is_taken_back(site: Site, tmp_path: Path) -> None:
    good = back_up(site, str(tmp_path / "good"))
    with closing(sqlite3.connect(database(site))) as connection, connection:
        connection.execute("DROP TABLE notes_note")
    bad = back_up(site, str(tmp_path / "bad"))
    site.run("restore", str(good))
    with site:
        site.shell(ADD.format(text="second"))
        code, text = refusal(site, "restore", str(bad))
        assert code == 72
        assert "nothing was restored" in text
        wait_until(lambda: Customer(site.url).get("/").status == 200, "the site goes on")
        assert site.shell(COUNT) == "2"
    with site:
        assert site.shell(COUNT) == "2"


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.5, 3.0])
def test_a_power_cut_during_a_restore(site: Site, tmp_path: Path, delay: float) -> None:
    """Everything is killed at once; the next start has all of the one state or all of the other."""
    backup = back_up(site, str(tmp_path / "elsewhere"))
    site.shell(ADD.format(text="second"))
    with site:
        command: list[str | Path] = [site.bundle, "restore", backup, "--data-dir", site.data]
        process = subprocess.Popen(command, env=site.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        server = psutil.Process(site.process.pid)
        for each in (server.pid, *(child.pid for child in server.children(recursive=True)), process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        process.wait()
    with site:
        assert Customer(site.url).get("/").status == 200
        assert site.shell(COUNT) in ("1", "2")
        site.shell(ADD.format(text="third"))
        count = site.shell(COUNT)
    with site:
        assert site.shell(COUNT) == count


def test_files_that_are_no_backups(site: Site, tmp_path: Path) -> None:
    text, missing = tmp_path / "notes.txt", tmp_path / "missing"
    text.write_text("no backup")
    assert "is damaged" in refusal(site, "restore", str(text))[1]
    assert f"there is no {missing}" in refusal(site, "restore", str(missing))[1]


def test_a_full_disk_leaves_no_half_backup(site: Site, small_disk: Path) -> None:
    (site.data / "media" / "film").write_bytes(os.urandom(9 << 20))
    code, text = refusal(site, "backup", str(small_disk / "backups"))
    assert code == 72
    assert "No space left" in text
    assert list((small_disk / "backups").iterdir()) == []


def test_a_killed_backup_leaves_nothing_under_its_name(site: Site, tmp_path: Path) -> None:
    (site.data / "media" / "film").write_bytes(os.urandom(60 << 20))
    folder = tmp_path / "elsewhere"
    process = subprocess.Popen(
        [site.bundle, "backup", folder, "--data-dir", site.data], env=site.environment, stdout=subprocess.DEVNULL
    )
    wait_until(lambda: folder.exists() and any(folder.iterdir()), "it writes")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not [path for path in folder.iterdir() if path.name.endswith(layout.SUFFIX)]
    assert back_up(site, str(folder)).exists()


def test_backups_by_itself(site: Site) -> None:
    """Older ones go; a failure is in the log, and in a mail."""
    for day in ("20260101", "20260102", "20260103"):
        old = site.data / "backups" / f"small-{day}T030000Z.tar.zst"
        old.parent.mkdir(exist_ok=True)
        old.touch()
    assert "code 0" in run_night(site).stdout
    names = sorted(path.name for path in (site.data / "backups").glob("small-*.tar.zst"))
    assert len(names) == 2
    assert names[0] == "small-20260103T030000Z.tar.zst"
    broken = site.data / "media" / "broken"
    broken.mkdir()
    database(site).write_bytes(b"no database" * 1000)
    result = run_night(site)
    assert "code 72" in result.stdout
    assert "the backup was not written" in result.stderr
    assert "Subject: [Django] small: the last backup failed" in result.stdout


def test_copy_in_a_bucket(new_small: NewSite, tmp_path: Path) -> None:
    """It is listed, checked and restored from there. As many are kept there as in the folder."""
    with ObjectStore(tmp_path / "moto") as store:
        store.create_bucket("spare")
        site = new_small(**KEYS)
        place = f"s3://spare/shops/one?endpoint={store.url}&region=eu-central-1"
        site.run("migrate")
        site.shell(ADD.format(text="kept"))
        *_, written, copied = steps(site, "backup", place)
        name = Path(str(written["file"])).name
        assert copied["file"] == f"s3://spare/shops/one/{name}"
        site.shell(ADD.format(text="later"))
        Path(str(written["file"])).unlink()
        assert [each["file"] for each in steps(site, "backup", place, "--list")] == [copied["file"]]
        assert steps(site, "backup", place, "--check", "latest")[-1]["state"] == "whole"
        assert steps(site, "restore", place.replace("one?", f"one/{name}?"))[-1]["state"] == "restored"
        assert site.shell(COUNT) == "1"
        for day in range(1, 5):
            store.put("spare", f"shops/one/small-2026010{day}T030000Z.tar.zst", b"old")
        assert "code 0" in run_night(site, place).stdout
        names = [Path(str(each["file"])).name for each in steps(site, "backup", place, "--list")]
        assert names[1:] == ["small-20260104T030000Z.tar.zst"]
        assert [*site.data.glob(".fetched-*")] == []


def test_bucket_that_does_not_answer(new_small: NewSite) -> None:
    """The backup is there, and the error says that it was not copied."""
    site = new_small(**KEYS)
    site.run("migrate")
    place = f"s3://spare?endpoint=http://127.0.0.1:{free_port()}"
    code, text = refusal(site, "backup", place)
    assert code == 72
    assert "the bucket spare refuses: Could not connect" in text
    assert len([*(site.data / "backups").glob("small-*.tar.zst")]) == 1


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        ("s3://", "names no bucket"),
        ("s3://key:secret@spare", "has keys in it"),
        ("s3://spare?zone=1", 'has the unknown parameter "zone"'),
    ],
)
def test_urls_that_name_no_bucket(new_small: NewSite, place: str, cause: str) -> None:
    site = new_small()
    for words in (("backup", place), ("restore", place)):
        code, text = refusal(site, *words)
        assert (code, cause in text, "secret" in text) == (72, True, False)
    code, text = refusal(site, "serve", "--copy-backups-to", place)
    assert (code, cause in text) == (2, True)


def test_options_of_serve(new_small: NewSite) -> None:
    site = new_small("--backups", "hourly", "--keep-backups", "2,1,0")
    with site:
        assert Customer(site.url).get("/").status == 200
    code, text = refusal(site, "serve", "--keep-backups", "many")
    assert code == 2
    assert "write them as in 24,7,4" in text
