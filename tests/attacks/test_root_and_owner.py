"""Root runs a command on the data of another user, who has prepared the folder as an attack."""

import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from djbundle.errors import AccountError, DataDirectoryError
from djbundle.runtime.core.safe_path import find_weakness
from djbundle.runtime.net.sockets import listen_unix
from djbundle.runtime.process import privileges
from djbundle.runtime.process.lock import is_served, lock_data_directory
from djbundle.runtime.settings.secret_key import read_or_create
from tests.attacks.neighbours import NEIGHBOUR, Place, only_root, place_for
from tests.bundle.processes import assert_refused, tree_of
from tests.support.customer import Customer
from tests.support.ports import free_port
from tests.support.waiting import wait_until

PRECIOUS = "root:*:19000:0:99999:7:::\n"


@pytest.fixture
def place(small: Path) -> Iterator[Place]:
    with place_for(small) as place:
        yield place


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that every user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="djbundle-open-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def precious(place: Place) -> Path:
    """Make a file that only root may read, like /etc/shadow."""
    file = place.folder / "shadow"
    file.write_text(PRECIOUS)
    file.chmod(0o600)
    return file


def is_untouched(file: Path) -> bool:
    status = file.stat()
    return file.read_text() == PRECIOUS and (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o600)


def plant(place: Place, name: str, target: Path) -> None:
    """Plant a link, as the neighbour could, in the place of a file that root is expected to write."""
    link = place.data / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)
    owner = place.data.stat().st_uid
    for path in (link.parent, link):
        os.chown(path, owner, owner, follow_symlinks=False)


@only_root
@pytest.mark.parametrize("options", [("--user", "nobody"), ()], ids=["--user", "without"])
@pytest.mark.parametrize("name", ["serve.lock", "secret_key", "db.sqlite3", "control.sock", "tls", "incoming"])
def test_links_in_the_data_directory(place: Place, precious: Path, name: str, options: tuple[str, ...]) -> None:
    """`serve`, which root starts and which serves as the neighbour, either fails or works; the file stays unchanged."""
    if options:
        nobody = pwd.getpwnam("nobody")
        os.chown(place.data, nobody.pw_uid, nobody.pw_uid)
    plant(place, name, precious)
    if name == "control.sock":  # it is replaced like a stale socket
        with place.site("--bind", f":{free_port()}", *options) as site:
            assert Customer(site.url).get("/").status == 200
    else:
        tls = ("--tls", "internal") if name == "tls" else ()
        ended = place.site().run("serve", "--bind", f":{free_port()}", *options, *tls, check=False)
        assert ended.returncode != 0
    assert is_untouched(precious)


@only_root
@pytest.mark.parametrize(
    "command",
    [
        ("migrate",),
        ("check",),
        ("createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.com"),
        ("shell", "-c", "import os; print(os.getuid(), os.geteuid(), os.getgroups())"),
        ("status",),
    ],
    ids=lambda command: command[0],
)
def test_commands_on_the_data_of_another_user(place: Place, precious: Path, command: tuple[str, ...]) -> None:
    """Each command works with the owner's rights, and leaves no file of root's in the folder."""
    plant(place, "backups/evil", precious)
    site = place.site(DJANGO_SUPERUSER_PASSWORD="correct horse")
    if command[0] == "createsuperuser":
        site.run("migrate")
    done = site.run(*command, check=command[0] != "status")
    if command[0] == "shell":
        assert done.stdout.splitlines()[-1] == f"{NEIGHBOUR} {NEIGHBOUR} [{NEIGHBOUR}]"
    assert place.foreign() == []
    assert is_untouched(precious)


@only_root
def test_an_interpreter_becomes_the_owner_before_it_has_settings(place: Place) -> None:
    code = "import os, django; django.setup(); print(os.getuid())"
    environment = {"DJBUNDLE_DATA_DIR": str(place.data), "PATH": os.defpath}
    done = subprocess.run([place.bundle, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(NEIGHBOUR)], done.stderr
    assert place.foreign() == []


@only_root
def test_serving_the_data_of_another_user(place: Place) -> None:
    """The site may have a port of root's, but no process and no file belongs to root, even after a reload."""
    with place.site("--bind", f":{free_port()}", "--tls", "internal", "--metrics-bind", "127.0.0.1:0") as site:
        owners = {uid for each in tree_of(site) for uid in each.uids()}
        assert owners == {NEIGHBOUR}
        assert {gid for each in tree_of(site) for gid in each.gids()} == {NEIGHBOUR}
        before = site.status()["app"]
        site.process.send_signal(signal.SIGHUP)
        wait_until(lambda: site.status()["app"] != before, "it has reloaded")
        assert {uid for each in tree_of(site) for uid in each.uids()} == {NEIGHBOUR}
        assert psutil.Process(site.process.pid).uids().saved == NEIGHBOUR
    assert place.foreign() == []


@only_root
def test_what_root_has_left_there_is_named(place: Place) -> None:
    """The site names the file instead of starting and failing later."""
    (place.data / "db.sqlite3").touch()
    for command in (("serve", "--bind", f":{free_port()}"), ("migrate",)):
        refused = place.site().run(*command, check=False)
        assert_refused(refused, 59, f"{place.data}/db.sqlite3 belongs to root, and {place.data} to {NEIGHBOUR}")
    os.chown(place.data / "db.sqlite3", NEIGHBOUR, NEIGHBOUR)
    place.site().run("migrate")


def world_writable(place: Place) -> None:
    place.data.chmod(0o777)


def sticky(place: Place) -> None:
    place.data.chmod(0o1777)


def open_parent(place: Place) -> None:
    place.folder.chmod(0o777)


def parent_of_a_third(place: Place) -> None:
    os.chown(place.folder, NEIGHBOUR + 1, 0)


def link_of_a_third(place: Place) -> None:
    place.data.rename(place.folder / "elsewhere")
    place.data.symlink_to("elsewhere")
    os.chown(place.data, NEIGHBOUR + 1, 0, follow_symlinks=False)


@only_root
@pytest.mark.parametrize("make", [world_writable, sticky, open_parent, parent_of_a_third, link_of_a_third])
def test_data_directory_that_others_may_change(place: Place, make: Callable[[Place], None]) -> None:
    make(place)
    for command in (("serve", "--bind", f":{free_port()}"), ("check",)):
        refused = place.site().run(*command, check=False)
        assert_refused(refused, 42, f"the data directory {place.data} is not safe")


@only_root
def test_sockets_in_the_folder_of_another_user(place: Place, precious: Path) -> None:
    """A socket path that is a link stays; a new socket has its mode at once and its owner's rights."""
    run = place.data / "run"
    run.mkdir()
    (run / "site.sock").symlink_to(precious)
    for path in (run, run / "site.sock"):
        os.chown(path, NEIGHBOUR, NEIGHBOUR, follow_symlinks=False)
    refused = place.site().run("serve", "--bind", f"unix:{run}/site.sock", check=False)
    assert refused.returncode == 41
    assert is_untouched(precious)
    (run / "site.sock").unlink()
    shared = place.folder / "shared"  # like /tmp
    shared.mkdir()
    shared.chmod(0o1777)
    binds = ("--bind", f"unix:{run}/site.sock", "--bind", f"unix:{shared}/site.sock")
    with place.site(*binds, "--uds-permissions", "600"):
        assert (shared / "site.sock").lstat().st_uid == 0
        status = (run / "site.sock").lstat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (NEIGHBOUR, 0o600)


# --- each part alone, in a folder of this user's ---


def test_a_socket_is_never_wider_than_it_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mode is right even between bind and listen, and neither chmod nor chown uses its path."""
    modes = []
    listen = socket.socket.listen

    def watched(self: socket.socket, *arguments: int) -> None:
        modes.append(stat.S_IMODE((tmp_path / "site.sock").stat().st_mode))
        listen(self, *arguments)

    monkeypatch.setattr(socket.socket, "listen", watched)
    for call in ("chmod", "chown"):
        monkeypatch.setattr(os, call, lambda *_, **__: pytest.fail("a path is used twice"))
    with listen_unix(tmp_path / "site.sock", 0o600):
        assert modes == [0o600]


@pytest.mark.parametrize("kind", ["link", "pipe", "second name", "folder"])
def test_files_of_ours_that_are_something_else(tmp_path: Path, kind: str) -> None:
    other, data = tmp_path / "other", tmp_path / "data"
    data.mkdir(mode=0o700)
    other.write_text(PRECIOUS)
    for name in ("serve.lock", "secret_key"):
        path = data / name
        make: dict[str, Callable[[], object]] = {
            "link": lambda path=path: path.symlink_to(other),  # type: ignore[misc]
            "pipe": lambda path=path: os.mkfifo(path),  # type: ignore[misc]
            "second name": lambda path=path: path.hardlink_to(other),  # type: ignore[misc]
            "folder": path.mkdir,
        }
        make[kind]()
    with pytest.raises(DataDirectoryError, match=r"serve\.lock"):
        lock_data_directory(data)
    assert not is_served(data)
    with pytest.raises(DataDirectoryError, match="secret_key"):
        read_or_create(data)
    assert other.read_text() == PRECIOUS


def test_group_of_its_own_is_no_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """useradd makes such a group for each user, and Kubernetes for a volume; a group with another member is refused."""
    tmp_path.chmod(0o770)
    monkeypatch.setattr("djbundle.runtime.core.safe_path.members_of", lambda _gid: {os.geteuid(), 0})
    assert find_weakness(tmp_path) is None
    monkeypatch.setattr("djbundle.runtime.core.safe_path.members_of", lambda _gid: {NEIGHBOUR})
    weakness = find_weakness(tmp_path)
    assert weakness
    assert weakness.why == f"may be written by user {NEIGHBOUR}"


@only_root
def test_root_without_the_right_to_become_another(place: Place) -> None:
    """In a container that has dropped all capabilities, the command reports this and stops."""
    for words in (["check"], ["serve", "--bind", f":{free_port()}"]):
        command: list[str | Path] = ["setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-all"]
        command += [place.bundle, *words, "--data-dir", place.data]
        done = subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=False)
        assert_refused(done, 59, f"belong to {NEIGHBOUR}, who this process cannot become")


ENTER = """
import os, sys
from pathlib import Path
from djbundle.runtime.process import private_state, privileges
private_state.PRIVATE = Path(sys.argv[1]).parent
privileges.enter(Path(sys.argv[1]))
Path(sys.argv[1], "made").touch()
print(os.getuid(), os.listdir(sys.argv[1]), os.listdir(private_state.PRIVATE))
"""


@only_root
def test_data_of_a_service_with_a_user_of_its_own(open_folder: Path) -> None:
    """systemd keeps the data where only root may enter. Only the command sees its own mount; other processes do not."""
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    for name in ("shop", "other"):
        (private / name).mkdir(mode=0o700)
        os.chown(private / name, NEIGHBOUR, NEIGHBOUR)
    command: list[str | Path] = [sys.executable, "-c", ENTER, private / "shop"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert done.stdout.split(maxsplit=1) == [str(NEIGHBOUR), "['made'] ['shop']\n"], done.stderr
    assert (private / "shop" / "made").stat().st_uid == NEIGHBOUR
    assert str(private) not in Path("/proc/self/mountinfo").read_text()


def test_user_who_is_not_there() -> None:
    with pytest.raises(AccountError):
        privileges.find_account("nobody-at-all")
