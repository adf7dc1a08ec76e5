"""The site's own environment variables: a file in the data directory, which `env set` writes and each start reads.

A variable in the environment of the process wins over the file. What came from the file is noted in the environment
(`variables.STORED`), so that the next program in this process, or a child, takes up what has changed in the file.
"""

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

from djbundle.contract import variables
from djbundle.errors import DataDirectoryError, OptionError
from djbundle.runtime.core.own_files import open_own, read_own, remove_own, write_own
from djbundle.runtime.process.lock import held, is_locked

FILE = "variables.json"
NEXT = "variables.next.json"  # what the version that takes over has besides; see `upgrade --env`
LOCK = "variables.lock"
HANDOVER = "DJBUNDLE_HANDOVER"  # set by `upgrade`: what the new version inherits
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# These change how programs start or where the data lies, before the file is read, or for other users.
REFUSED = re.compile(
    r"(LD_|PYTHON|LISTEN_|WATCHDOG_|DJBUNDLE_|_RJEM_).*|PATH|HOME|USER|LOGNAME|SHELL|IFS|NOTIFY_SOCKET"
)
REFUSED_TOO = ("STATE_DIRECTORY", variables.SETTINGS_MODULE)
PERMITTED = (variables.ALLOWED_HOSTS, variables.PRELOAD)


def check_name(name: str) -> None:
    """Raise OptionError for a name that the file may not have."""
    if not NAME.fullmatch(name):
        raise OptionError(f"{name!r} is no name of a variable", "use letters, digits and _, as in  STRIPE_KEY")
    if not is_permitted(name):
        raise OptionError(f"{name} cannot be stored: it is used before the file is read", "set it in the environment")


def is_permitted(name: str) -> bool:
    return name in PERMITTED or not (REFUSED.fullmatch(name) or name in REFUSED_TOO)


def read_variables(data: Path, file: str = FILE) -> dict[str, str]:
    """Return the stored variables. Raise DataDirectoryError for a file that is damaged or belongs to another user."""
    path = data / file
    try:
        stored = json.loads(read_own(path))
        if not (isinstance(stored, dict) and all(isinstance(each, str) for each in stored.values())):
            raise ValueError("it is no object of texts")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise DataDirectoryError(
            f"cannot read the variables in {path}: {error}", "correct or remove it, and set them again:  env set NAME"
        ) from error
    return {name: value for name, value in stored.items() if NAME.fullmatch(name) and is_permitted(name)}


def change_variables(data: Path, changes: Mapping[str, str | None]) -> None:
    """Store these variables, durably and all or none; None removes one. Raise DataDirectoryError."""
    busy = DataDirectoryError("another command changes the variables", "wait until it has ended")
    with held(data / LOCK, busy):
        _change(data, changes)


def _change(data: Path, changes: Mapping[str, str | None]) -> None:
    stored = {**read_variables(data), **changes}
    kept = {name: value for name, value in sorted(stored.items()) if value is not None}
    try:
        write_own(data / FILE, json.dumps(kept, indent=1))
    except OSError as error:
        raise DataDirectoryError(
            f"cannot write {data / FILE}: {error.strerror}", "correct that, and try again"
        ) from error


@contextlib.contextmanager
def offered(data: Path, additions: Mapping[str, str]) -> Iterator["Offer"]:
    """Let the version that takes over during the block have these variables too. `Offer.store` keeps them for good."""
    lock = open_own(data / LOCK, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_own(data / NEXT, json.dumps(dict(additions)))
        yield Offer(data, additions)
    finally:
        os.close(lock)


class Offer:
    """Variables for the version that takes over."""

    def __init__(self, data: Path, additions: Mapping[str, str]) -> None:
        self._data, self._additions = data, additions

    def store(self) -> None:
        _change(self._data, self._additions)

    def withdraw(self) -> None:
        remove_own(self._data / NEXT)


def load_variables(data: Path, environment: MutableMapping[str, str] = os.environ) -> None:
    """Add the stored variables that the environment does not have. Raise DataDirectoryError."""
    for name in stored_names(data, environment):
        environment.pop(name, None)
    environment.pop(variables.STORED, None)
    # First the offer: when it is gone, the file has it.
    offer = read_variables(data, NEXT) if HANDOVER in environment and is_locked(data / LOCK) else {}
    stored = {name: value for name, value in (read_variables(data) | offer).items() if name not in environment}
    if stored:
        environment.update(stored)
        environment[variables.STORED] = json.dumps([str(data), *sorted(stored)])


def stored_names(data: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of variables in this environment that came from the file of this data directory.

    A copy of the site, which has another one, keeps what the site has.
    """
    try:
        folder, *names = json.loads(environment.get(variables.STORED, ""))
    except ValueError:
        return []
    return names if folder == str(data) else []
