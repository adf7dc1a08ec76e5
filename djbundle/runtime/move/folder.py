"""The folder ``move`` in the data directory: the lock of a move, what it has done, and the order to switch."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from djbundle.errors import MoveError
from djbundle.runtime.core.own_files import read_own, remove_own, write_own
from djbundle.runtime.process.lock import held, is_locked

FOLDER = "move"
LOCK, STATE, SWITCH = "lock", "state.json", "switch.json"


@dataclass(frozen=True, slots=True)
class MoveState:
    """The record of a move. It is kept as long as the site can move back."""

    site: str  # a random name, by which the destination knows this data directory
    file: str  # of SQLite
    zone: str
    leave: list[str]  # tables that stay behind


@dataclass(frozen=True, slots=True)
class SwitchOrder:
    """The order that the next process of the site finds: go to this URL, or back to SQLite."""

    url: str
    is_back: bool


def folder_of(data: Path) -> Path:
    return data / FOLDER


def read_state(data: Path) -> MoveState | None:
    text = _read(folder_of(data) / STATE)
    return MoveState(**json.loads(text)) if text else None


def write_state(data: Path, state: MoveState) -> None:
    write_own(folder_of(data) / STATE, json.dumps(asdict(state)))


def read_order(data: Path) -> SwitchOrder | None:
    text = _read(folder_of(data) / SWITCH)
    return SwitchOrder(**json.loads(text)) if text else None


@contextlib.contextmanager
def ordered(data: Path, order: SwitchOrder) -> Iterator[None]:
    """Let the process of the site that starts during the block make the switch."""
    path = folder_of(data) / SWITCH
    write_own(path, json.dumps(asdict(order)))
    try:
        yield
    finally:
        remove_own(path)


@contextlib.contextmanager
def locked(data: Path) -> Iterator[None]:
    """Lock out other moves of this site, and remove the order of a killed command. Raises MoveError."""
    folder = folder_of(data)
    folder.mkdir(mode=0o700, exist_ok=True)
    with held(folder / LOCK, MoveError("another command is moving the site", "wait until it has ended")):
        (folder / SWITCH).unlink(missing_ok=True)
        yield


def is_moving(data: Path) -> bool:
    """Return whether a command moves the site right now."""
    return is_locked(folder_of(data) / LOCK)


def _read(path: Path) -> str:
    try:
        return read_own(path)
    except FileNotFoundError:
        return ""
