"""The data directory: the only place that a running bundle writes to."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from djbundle.contract import variables
from djbundle.errors import DataDirectoryError

OPTION = "--data-dir"


def take_option(arguments: list[str]) -> tuple[list[str], str | None]:
    """Split ``--data-dir DIR`` or ``--data-dir=DIR`` off the arguments, at any position. The last one counts."""
    rest: list[str] = []
    chosen = None
    remaining = iter(arguments)
    for argument in remaining:
        if argument == OPTION:
            chosen = next(remaining, None)
            if chosen is None:
                raise DataDirectoryError(f"{OPTION} names no folder", f"write {OPTION} DIR")
        elif argument.startswith(f"{OPTION}="):
            chosen = argument.partition("=")[2]
        else:
            rest.append(argument)
    return rest, chosen


def find_data_directory(name: str, chosen: str | None, environment: Mapping[str, str]) -> Path:
    """Return the data directory of the bundle `name`.

    It is the first of these that is set or exists: `chosen` (``--data-dir``), the data directory of a parent process of
    the same bundle, ``DJBUNDLE_DATA_DIR``, ``STATE_DIRECTORY`` (systemd; the first of several), ``/storage``,
    ``/var/lib/NAME`` for root, ``$XDG_DATA_HOME/NAME``, ``~/.local/share/NAME``.
    """
    state = environment.get("STATE_DIRECTORY", "").split(":")[0]
    for named in (chosen, environment.get(_children_variable(name)), environment.get(variables.DATA_DIRECTORY), state):
        if named:
            return Path(named).absolute()
    if Path("/storage").is_dir():
        return Path("/storage")
    if os.geteuid() == 0:
        return Path("/var/lib") / name
    home = environment.get("XDG_DATA_HOME")
    if home:
        return Path(home) / name
    if not environment.get("HOME"):
        raise DataDirectoryError("there is no place for data: HOME is not set", f"give {OPTION} DIR")
    return Path(environment["HOME"]) / ".local/share" / name


def pass_to_children(name: str, data: Path) -> None:
    """Make child processes of the same bundle (``sys.executable -c``) use the same data directory."""
    os.environ[_children_variable(name)] = str(data)


def _children_variable(name: str) -> str:
    """Return a variable with the bundle's name in it: a child may be another bundle with its data elsewhere."""
    return f"{variables.DATA_DIRECTORY_OF}{name}"


def create_data_directory(path: Path) -> None:
    """Create the data directory, readable by its owner only, and check that it is writable."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _not_writable(path, error) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise _not_writable(path, PermissionError(13, "Permission denied"))


@contextlib.contextmanager
def own_name(path: Path) -> Iterator[None]:
    """Raise DataDirectoryError if something else lies where the site makes a file or a folder of its own."""
    try:
        yield
    except OSError as error:
        raise DataDirectoryError(
            f"the site cannot make {path}: {error.strerror or error}", "move away what lies there, and see who owns it"
        ) from error


def _not_writable(path: Path, error: OSError) -> DataDirectoryError:
    return DataDirectoryError(
        f"cannot write to the data directory {path}: {error.strerror}",
        f"choose another:  {OPTION} DIR  or  {variables.DATA_DIRECTORY}=DIR",
    )
