"""The text of systemd's units for a site, with as few rights as the site can work with."""

import re
from argparse import ArgumentParser
from collections.abc import Sequence

from djbundle.common.templates import render
from djbundle.errors import InstallError
from djbundle.runtime.logs import masking
from djbundle.runtime.logs.secret_values import secrets_by_shape
from djbundle.runtime.net.addresses import Address, Unix, default_address
from djbundle.runtime.options.serve import ServeOptions

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
BARE = re.compile(r"[\w@%+=:,./\[\]*~^{}()-]+", re.ASCII)  # needs no quotes
MARGIN = 15  # seconds after shutdown delay and grace before systemd kills the processes


def service_unit(name: str, program: str, options: ServeOptions, arguments: list[str], *, sockets: list[str]) -> str:
    """Return the text of the service unit. `arguments` are those from which `options` were parsed."""
    command = " ".join((quoted(program, is_program=True), *map(quoted, ("serve", *arguments))))
    requires = f"Requires={' '.join(sockets)}\n" if sockets else ""
    stop = options.shutdown_delay + options.grace + MARGIN
    head = {"writer": f"{name} install", "unit": name, "comment": "", "services": "", "optional": "-"}
    return render("site.service", name=name, command=command, stop=stop, requires=requires, **head)


def socket_units(name: str, options: ServeOptions) -> dict[str, str]:
    """Return the texts of the socket units by file name."""
    tls = options.tls
    binds: tuple[Address, ...] = options.binds or (default_address(tls=tls is not None, environment={}),)
    units = {f"{name}.socket": socket_unit(name, "site", binds, options.uds_permissions)}
    if tls and tls.http_bind:
        units[f"{name}-http.socket"] = socket_unit(name, "http", (tls.http_bind,), options.uds_permissions)
    return units


def socket_unit(name: str, label: str, binds: tuple[Address, ...], mode: int) -> str:
    """Return the text of one socket unit. By `label`, ``serve`` knows what the socket is for."""
    listen = "\n".join(f"ListenStream={bare(str(bind.path if isinstance(bind, Unix) else bind))}" for bind in binds)
    return render("site.socket", name=name, label=label, listen=listen, mode=f"{mode:04o}")


def without_binds(arguments: list[str]) -> list[str]:
    """Return the arguments of ``serve`` without ``--bind`` and ``--http-bind``, which the socket units replace."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--bind", action="append")
    parser.add_argument("--http-bind")
    _, others = parser.parse_known_args(arguments)
    return list(others)


def quoted(word: str, *, is_program: bool = False) -> str:
    """Return `word` quoted for ExecStart=, so that systemd reads it unchanged: systemd.service(5), systemd.syntax(7).

    Raises InstallError for a word that no unit can contain: systemd refuses programs with odd names.
    """
    check_text(word)
    if is_program and (CONTROL.search(word) or set(word) & set("\"'\\$")):
        raise InstallError(f"no unit can start a file that is called {word!r}", "give it another name")
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    text = CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return text if BARE.fullmatch(text) else f'"{text}"'


def bare(value: str) -> str:
    """Return `value` as the rest of a ``ListenStream=`` line, where nothing can be quoted. Raises InstallError."""
    check_text(value)
    if CONTROL.search(value) or value != value.strip() or value.endswith("\\"):
        raise InstallError(f"no unit can have the address {value!r}", "choose another, of letters and digits")
    return value.replace("%", "%%")


def check_text(value: str) -> None:
    """Raise InstallError for a text that is not UTF-8, since systemd reads UTF-8 only."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InstallError(f"{value!r} is not a text in UTF-8, as units have to be", "give it another name") from error


def refuse_secrets(name: str, arguments: Sequence[str], secrets: Sequence[tuple[str, str]]) -> None:
    """Raise InstallError for a secret among `arguments`, because every user may read a unit and the list of processes.

    `secrets` are options, each with the variable that may be set in its place.
    """
    for option, variable in secrets:
        if any(word == option or word.startswith(f"{option}=") for word in arguments):
            raise InstallError(
                f"{option} is a secret, and everybody may read a unit",
                f"leave it out, and put it into /etc/{name}.env, which only root may read:  {variable}=KEY",
            )
    for word in arguments:
        if next(secrets_by_shape(word), None):
            raise InstallError(
                f"{masking.hide('', word)} has a secret in it, and everybody may read a unit", "do without it"
            )
