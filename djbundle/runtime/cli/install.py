"""``./shop install`` and ``uninstall``: set up or remove a systemd service."""

import os
import shutil
import stat
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

from djbundle.errors import InstallError
from djbundle.runtime.cli import units
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.safe_path import find_weakness
from djbundle.runtime.options.parser import CommandParser, parse_options
from djbundle.runtime.options.roles import Role
from djbundle.runtime.options.serve import parse_serve_options
from djbundle.runtime.options.tls import EAB_KEY_VARIABLE

UNITS = Path("/etc/systemd/system")
MANAGED = Path("/run/systemd/system")  # exists where systemd manages the machine, see sd_booted(3)
VARIABLES = Path("/etc")  # where NAME.env lies
SECRET_OPTIONS = (("--acme-eab-hmac-key", EAB_KEY_VARIABLE),)
STATE = Path("/var/lib")  # where StateDirectory lies
HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")  # noqa: S108 - by ProtectHome and PrivateTmp


def add_install_options(parser: ArgumentParser) -> None:
    parser.add_argument("--print", dest="only_print", action="store_true", help="show the units, and change nothing")
    parser.add_argument(
        "--socket", action="store_true", help="let systemd open the sockets: connections wait while it is restarted"
    )
    parser.epilog = "All other options are those of serve, as in:  install --domain shop.example"


def run_install(bundle: Bundle, arguments: list[str]) -> int:
    """Write the units, enable and start them. Raises InstallError where that is impossible."""
    parser = CommandParser(bundle.program, "install")
    add_install_options(parser)
    options, of_serve = parser.parse_known_args(arguments)
    texts = unit_files(bundle, of_serve, with_sockets=options.socket)
    if options.only_print:
        print("\n".join(f"# {UNITS / name}\n{text}" if texts.keys() - {name} else text for name, text in texts.items()))
        return 0
    check_machine("install --print  shows the unit to adapt it by hand")
    check_places(bundle)
    prepare_variables(VARIABLES / f"{bundle.manifest.name}.env")
    for name, text in texts.items():
        write(UNITS / name, text)
    service = f"{bundle.manifest.name}.service"
    systemctl("daemon-reload")
    systemctl("enable", *texts)
    systemctl("stop", service)  # an earlier install without sockets opens the addresses itself
    systemctl("start", *reversed(texts))  # sockets first
    print(f"{UNITS / service} is written; {bundle.manifest.name} runs, and starts with the machine.")
    print(f"  systemctl status {bundle.manifest.name}\n  journalctl -u {bundle.manifest.name}")
    return 0


def run_uninstall(bundle: Bundle, arguments: list[str]) -> int:
    """Stop the service and remove its units; the data stays. Raises InstallError."""
    parse_options(bundle.program, "uninstall", arguments)
    name = bundle.manifest.name
    check_machine("there is nothing to undo")
    kinds = (".service", ".socket", "-http.socket")
    files = [file for kind in kinds if (file := UNITS / f"{name}{kind}").is_file()]
    if not files:
        raise InstallError(f"{UNITS} has no unit of {name}", f"install  makes one:  {bundle.program} install")
    systemctl("disable", "--now", *(file.name for file in files))
    for file in files:
        file.unlink()
    systemctl("daemon-reload")
    print(f"{', '.join(map(str, files))} removed. The data stays in {STATE / name}.")
    return 0


def unit_files(bundle: Bundle, arguments: list[str], *, with_sockets: bool) -> dict[str, str]:
    """Return the texts of the units by file name. For wrong options, exit as ``serve`` would."""
    name, options = bundle.manifest.name, parse_serve_options(bundle.program, arguments)
    if with_sockets and Role.WEB not in options.roles:
        raise InstallError("--socket needs the role web: no other role has a socket", "leave --socket out")
    units.refuse_secrets(name, arguments, SECRET_OPTIONS)
    sockets = units.socket_units(name, options) if with_sockets else {}
    arguments = units.without_binds(arguments) if with_sockets else arguments
    service = units.service_unit(name, sys.executable, options, arguments, sockets=[*sockets])
    return {f"{name}.service": service} | sockets


def check_machine(otherwise: str) -> None:
    if not MANAGED.is_dir() or not shutil.which("systemctl"):
        raise InstallError("systemd does not manage this machine", otherwise)


def check_places(bundle: Bundle) -> None:
    """Raise InstallError if the service could not read its file, or would use another data directory."""
    program = Path(sys.executable)
    if sys.executable.startswith(HIDDEN):
        raise InstallError(
            f"the service cannot see {program}: it sees neither home folders nor temporary files of others",
            f"move it, as to /opt/{bundle.manifest.name}, and install from there",
        )
    unreadable = next((path for path, bits in needed_modes(program) if path.stat().st_mode & bits != bits), None)
    if unreadable:
        raise InstallError(
            f"the service, which has a user of its own, may not read {program}",
            f"chmod o+{'rx' if unreadable == program else 'x'} {unreadable}",
        )
    if weakness := find_weakness(program.parent):
        raise InstallError(f"others may change {program}: {weakness.path} {weakness.why}", weakness.fix)
    data = STATE / bundle.manifest.name
    if bundle.data != data:
        raise InstallError(
            f"the service keeps its data in {data}, and not in {bundle.data}", "leave --data-dir out, or move the data"
        )


def prepare_variables(file: Path) -> None:
    """Create the file of environment variables, which only root may read; systemd is root. Raises InstallError."""
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:  # noqa: PTH123 - its mode
            opened.write("# Variables for the settings, one NAME=VALUE in a line. Only root may read this file.\n")
    except FileExistsError:
        if file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
            raise InstallError(f"everybody may read {file}, where secrets are kept", f"chmod 600 {file}") from None
    except OSError as error:
        raise InstallError(f"cannot write {file}: {error.strerror}", "run this as root") from error


def needed_modes(program: Path) -> Iterator[tuple[Path, int]]:
    """Yield each path with the mode bits that users other than its owner need there."""
    yield program, stat.S_IROTH | stat.S_IXOTH  # the program reads its own file
    for folder in program.parents:
        yield folder, stat.S_IXOTH


def write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
        file.chmod(0o644)
    except OSError as error:
        raise InstallError(f"cannot write {file}: {error.strerror}", "run this as root") from error


def systemctl(*arguments: str) -> None:
    result = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        message = (result.stderr.strip().splitlines() or [f"code {result.returncode}"])[0]
        raise InstallError(f"systemctl {' '.join(arguments)} failed: {message}", "journalctl -xe  tells more")
