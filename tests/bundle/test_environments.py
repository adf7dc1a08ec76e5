"""A bundle runs on a disk with nothing else, as any user, on other distributions, many times at once."""

import os
import shlex
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import certifi
import psutil
import pytest

from djbundle.runtime.core import authorities
from tests.support.customer import Customer
from tests.support.ports import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the root of the file system")
NOBODY = 65534
MEMFD_NOEXEC = Path("/proc/sys/vm/memfd_noexec")  # Linux 6.3
# vm.memfd_noexec=2, for this PID namespace only.
FORBID = f"mount -t proc proc /proc; echo 2 >{MEMFD_NOEXEC}; test $(cat {MEMFD_NOEXEC}) = 2"

# What a root needs for the bundle: only the bundle, /proc, and a place for data.
MOUNTS = """
set -e
mount --make-rprivate /
mount --bind {root} {root}
mount -t tmpfs -o noexec,mode=700,uid={user},gid={user} tmpfs {root}/data
mount -t proc proc {root}/proc
{more}
mount -o remount,bind,ro {root}
exec chroot --userspec={user}:{user} {root} "$@"
"""
# Each of these loads most of the bundle; they share the data directory, which is removed with the last of them.
PROVE = """
import os
from django.core.management import call_command
from notes.models import Note
call_command("migrate", verbosity=0)
Note.objects.create(text="ü")
print(Note.objects.get().text, os.getuid(), sorted(os.listdir("/")))
"""

Enter = Callable[..., list[str]]


@pytest.fixture
def enter(small: Path, tmp_path: Path) -> Enter:
    """Return a command that runs the small bundle in its own read-only root, which holds nothing but the bundle."""

    def command(*arguments: str, user: int = 0, more: str = "", root: Path | None = None) -> list[str]:
        root = root or tmp_path / "root"
        for name in ("proc", "data"):
            if (root / name).is_symlink():  # to the host's /proc, as debootstrap creates it
                (root / name).unlink()
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "small").hardlink_to(small)
        script = MOUNTS.format(root=shlex.quote(str(root)), user=user, more=more)
        enter_namespace = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*enter_namespace, "sh", "-c", script, "sh", "/small", *arguments, "--data-dir", "/data"]

    return command


def run(command: list[str], **environment: str) -> str:
    environment["PATH"] = os.environ["PATH"]  # for the programs that start the bundle
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout.strip()


SHELL = ("shell", "-v0", "-c", PROVE)


def test_nothing_but_the_file(enter: Enter) -> None:
    """There is no /tmp, no /etc/passwd, no locale and no library, and only the data directory is writable."""
    assert run(enter(*SHELL)) == "ü 0 ['data', 'proc', 'small']"


def test_unprivileged_user_without_a_name(enter: Enter) -> None:
    assert run(enter(*SHELL, user=NOBODY)) == f"ü {NOBODY} ['data', 'proc', 'small']"


@pytest.mark.parametrize(("variables", "home"), [({}, "/data"), ({"HOME": "/elsewhere"}, "/elsewhere")])
def test_home_of_a_user_who_has_none(enter: Enter, variables: dict[str, str], home: str) -> None:
    """Packages need a home directory when they are imported."""
    code = "from pathlib import Path; print(Path.home())"
    assert run(enter("shell", "-v0", "-c", code, user=NOBODY), **variables) == home


def test_nothing_may_be_run_from_tmp(enter: Enter, tmp_path: Path) -> None:
    (tmp_path / "root" / "tmp").mkdir(parents=True)
    mount = f"mount -t tmpfs -o noexec,nosuid,nodev tmpfs {tmp_path}/root/tmp"
    assert run(enter(*SHELL, more=mount)).startswith("ü 0")


@pytest.mark.skipif(not MEMFD_NOEXEC.exists(), reason="the kernel is older than 6.3 and has no such setting")
def test_no_memory_file_may_be_run(enter: Enter) -> None:
    assert run(enter(*SHELL, more=FORBID)).startswith("ü 0")


@pytest.mark.parametrize("locale", ["xx_YY.UTF-8", "nonsense", "C", "POSIX", "de_DE.ISO-8859-1", "C.UTF-8"])
def test_locale_that_is_not_there(enter: Enter, locale: str) -> None:
    assert run(enter(*SHELL), LANG=locale, LC_ALL=locale).startswith("ü 0")


def one_authority() -> str:
    text = Path(certifi.where()).read_text()
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----\n"
    return text[text.index(begin) : text.index(end) + len(end)]


COUNT = "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"


@pytest.mark.parametrize("file", authorities.FILES)
def test_authorities_of_the_machine_are_trusted(enter: Enter, tmp_path: Path, file: str) -> None:
    """Fedora, Alpine and others store them elsewhere than Debian, where this is built. All ways to run Python work."""
    root = tmp_path / "root"
    (root / file[1:]).parent.mkdir(parents=True)
    (root / file[1:]).write_text("# comments come first\n" + one_authority())
    assert run(enter("-c", COUNT)) == "1"


def test_authorities_in_a_folder_are_trusted(enter: Enter, tmp_path: Path) -> None:
    folder = tmp_path / "root" / "etc" / "pki" / "tls" / "certs"
    folder.mkdir(parents=True)
    (folder / "12345678.0").write_text(one_authority())
    code = "import os, ssl; print(os.environ['SSL_CERT_DIR'], 'SSL_CERT_FILE' in os.environ)"
    assert run(enter("-c", code)) == "/etc/pki/tls/certs False"


@pytest.mark.parametrize("command", [("-c", COUNT), ("shell", "-v0", "-c", COUNT)], ids=lambda command: command[0])
def test_where_there_are_none_those_of_certifi_are(enter: Enter, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "root" / "etc" / "ssl" / "certs").mkdir(parents=True)  # as in an image without ca-certificates
    (tmp_path / "root" / "etc" / "ssl" / "cert.pem").write_text("")
    assert int(run(enter(*command))) > 100


def test_named_authorities_go_first(enter: Enter, tmp_path: Path) -> None:
    for name, count in (("own", 1), ("etc/ssl/cert.pem", 2)):
        file = tmp_path / "root" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(one_authority() * count)
    assert run(enter("-c", COUNT), SSL_CERT_FILE="/own") == "1"


@pytest.mark.parametrize("more", ["", FORBID if MEMFD_NOEXEC.exists() else "true"], ids=["", "noexec"])
def test_serves(enter: Enter, tmp_path: Path, more: str) -> None:
    port = free_port()
    command = enter("serve", "--bind", f"127.0.0.1:{port}", user=NOBODY, more=more)
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env={"PATH": os.environ["PATH"]}, stderr=stream)
    try:
        wait_until(lambda: "serves http" in log.read_text(), "serve says so")
        customer = Customer(f"http://127.0.0.1:{port}")
        assert customer.get("/").status == 200
        assert customer.get("/admin/login/").status == 200
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()  # process 1 of the namespace, which ends all others
        process.wait(timeout=20)


@pytest.mark.parametrize(
    ("suite", "version"), [("bullseye", "11."), pytest.param("trixie", "13.", marks=pytest.mark.slow)]
)
def test_other_distribution(enter: Enter, suite: str, version: str, tmp_path: Path) -> None:
    """An older and a newer Debian: glibc 2.31 and 2.41. Its programs run from the bundle with its own libc."""
    root = tmp_path / suite
    mirror = "http://deb.debian.org/debian"
    # No need to configure it.
    unpack: list[str | Path] = ["debootstrap", "--foreign", "--variant=minbase", suite, root, mirror]
    subprocess.run(unpack, check=True, capture_output=True)
    code = PROVE + 'import subprocess; subprocess.run(["/bin/cat", "/etc/debian_version"], check=True)'
    output = run(enter("shell", "-v0", "-c", code, root=root))
    assert output.startswith(version)
    assert "\nü 0 [" in output


@pytest.fixture(scope="session")
def refuse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("refuse") / "refuse"
    subprocess.run(["gcc", "-Wall", Path(__file__).with_name("refuse.c"), "-o", program], check=True)
    return program


def test_no_memory_files_at_all(small: Path, refuse: Path, tmp_path: Path) -> None:
    """The only fallback: the bundle is unpacked to a folder, and one line says so."""
    command: list[str | Path] = [refuse, "memory-files", small, "shell", "-v0", "-c", PROVE]
    command += ["--data-dir", tmp_path / "data"]
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("ü 0")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("note: ")
    assert len(list((tmp_path / "cache" / "djbundle").iterdir())) == 1


def test_written_memory_may_not_become_code(small: Path, refuse: Path, tmp_path: Path) -> None:
    """Then the program is mapped from a memory file; still nothing is unpacked."""
    command = [refuse, "written-code", small, "shell", "-v0", "-c", PROVE, "--data-dir", tmp_path / "data"]
    assert run(list(map(str, command)), XDG_CACHE_HOME=str(tmp_path / "cache")).startswith("ü 0")
    assert not (tmp_path / "cache").exists()


def version(small: Path) -> str:
    return subprocess.run([small, "version"], env={"HOME": "/"}, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_thousand_starts(small: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(lambda _: version(small), range(1000)))) == 1


def test_fifty_starts_at_once(small: Path) -> None:
    with ThreadPoolExecutor(50) as pool:
        assert len(set(pool.map(lambda _: version(small), range(50)))) == 1
