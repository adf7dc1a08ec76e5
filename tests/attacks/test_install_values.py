"""Values that would break out of their place in a systemd unit, as systemd itself reads them; and secrets in a unit."""

import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from djbundle.errors import InstallError
from djbundle.runtime.cli import install, units
from djbundle.runtime.net.addresses import Unix
from djbundle.runtime.options.serve import parse_serve_options

SYSTEMD = Path("/lib/systemd/systemd")
OPTIONS = parse_serve_options("shop", [])
LINES = units.service_unit("shop", "/opt/shop", OPTIONS, [], sockets=[]).count("\n")
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^ ]+)', re.DOTALL)
ESCAPED = re.compile(r"\\([0-7]{3}|.)", re.DOTALL)

needs_systemd = pytest.mark.skipif(
    not SYSTEMD.exists() or os.geteuid() != 0, reason="systemd is not here, or may not be run as another user"
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
lines = texts | st.text("\\\"'%$;\n\r\t {}[]#=a", max_size=8)


class Reader:
    """systemd as a user's service manager, which only prints what it has read (``--test``)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("basic.target", "shutdown.target", "exit.target"):
            (folder / name).write_text("[Unit]\n")
        (folder / "default.target").write_text("[Unit]\nRequires=shop.service\n")

    def arguments(self, unit: str) -> list[str]:
        """Return the arguments of the program that the unit would start."""
        [command] = [line for line in unit.split("\n") if line.startswith("ExecStart=")]
        self.folder.joinpath("shop.service").write_text(f"[Unit]\nDefaultDependencies=no\n[Service]\n{command}\n")
        words = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", str(SYSTEMD)]
        environment = {"HOME": "/", "XDG_RUNTIME_DIR": str(self.folder), "SYSTEMD_UNIT_PATH": str(self.folder)}
        output = subprocess.run(
            [*words, "--user", "--test", "--no-pager", "--log-target=console"],
            env=environment | {"PATH": os.defpath, "LANG": "C.UTF-8"},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout.decode()
        [line] = re.findall(r"-> ExecStart:\n\s*Command Line: (.*?)\n\t*[A-Z-]", output, re.DOTALL)
        return [value_of(*groups) for groups in ARGUMENT.findall(line)]


def value_of(quoted: str, plain: str) -> str:
    """Return the argument that systemd shows; when it starts the program, it turns "$$" into "$"."""

    def meant(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code, 8)) if len(code) == 3 else ESCAPES.get(code, code)

    value = plain or ESCAPED.sub(meant, quoted)
    assert not re.search(r"(?<!\$)(?:\$\$)*\$(?!\$)", value), "a variable would be looked for"
    return value.replace("$$", "$")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with tempfile.TemporaryDirectory(prefix="djbundle-units-") as folder:
        shutil.chown(folder, "nobody", "nogroup")
        Path(folder).chmod(0o755)
        yield Reader(Path(folder))


@needs_systemd
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(lines, min_size=1, max_size=30))
@example(["a\nExecStartPre=/bin/evil", "%h", "$HOME", "${HOME}", ";", "\\", "\\x41", '"', "'", "", "é", "\x7f", "#"])
@example(["\x85", "\u2028", "a b", "\ta", "a\\", "@", "-", "+", "!", "|", ":", "{}", "a;b", "*", "~"])
def test_each_word_arrives_as_it_was_given(reader: Reader, words: list[str]) -> None:
    text = units.service_unit("shop", "/opt/shop", OPTIONS, words, sockets=[])
    assert text.count("\n") == LINES
    assert reader.arguments(text)[1:] == ["serve", *words]


@pytest.mark.parametrize(
    "program", ["/opt/a\nb", "/opt/a\x1b", "/opt/\udcff", '/opt/"x"', "/opt/a'b", "/opt/a\\b", "/opt/$HOME"]
)
def test_programs_that_no_unit_can_start(program: str) -> None:
    with pytest.raises(InstallError):
        units.service_unit("shop", program, OPTIONS, [], sockets=[])


@needs_systemd
@pytest.mark.parametrize("program", ["/opt/a b", "/opt/100%", "/opt/a;b", "/opt/-", "/opt/é"])
def test_programs_with_odd_names(reader: Reader, program: str) -> None:
    assert reader.arguments(units.service_unit("shop", program, OPTIONS, ["--x"], sockets=[]))[1:] == ["serve", "--x"]
    assert reader.arguments(units.service_unit("shop", program, OPTIONS, [], sockets=[]))[0] == program


@pytest.mark.parametrize("path", ["/run/a\nExecStartPre=/bin/evil", "/run/a ", "/run/a\\", "/run/\udcff", "/run/\x1b"])
def test_addresses_that_no_unit_can_have(path: str) -> None:
    with pytest.raises(InstallError):
        units.socket_unit("shop", "site", (Unix(Path(path)),), 0o660)


def test_addresses_have_no_specifiers() -> None:
    assert "\nListenStream=/run/100%%/a.sock\n" in units.socket_unit(
        "shop", "site", (Unix(Path("/run/100%/a.sock")),), 0o660
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--acme-eab-hmac-key", "c2VjcmV0"],
        ["--acme-eab-hmac-key=c2VjcmV0"],
        ["--acme-directory", "https://me:c2VjcmV0@authority.example/"],
        ["--acme-directory=https://authority.example/?token=c2VjcmV0"],
    ],
)
def test_secrets_are_in_no_unit(words: list[str]) -> None:
    with pytest.raises(InstallError) as refused:
        units.refuse_secrets("shop", words, install.SECRET_OPTIONS)
    assert "c2VjcmV0" not in str(refused.value)


def test_the_file_of_variables_is_roots_alone(tmp_path: Path) -> None:
    file = tmp_path / "shop.env"
    before = os.umask(0)
    try:
        install.prepare_variables(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("SECRET_KEY=x")
    install.prepare_variables(file)
    assert file.read_text() == "SECRET_KEY=x"
    file.chmod(0o644)
    with pytest.raises(InstallError, match=f"chmod 600 {file}"):
        install.prepare_variables(file)
