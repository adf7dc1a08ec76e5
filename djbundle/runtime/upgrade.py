"""``./shop upgrade NEW`` and ``./shop rollback``: another version takes the place of the one that serves.

The new file is checked and put in place with the old one kept beside it; then `serve` is asked to hand over. If the new
version does not take over, the old file comes back, as the database has by then.
"""

import contextlib
import json
import os
import shutil
import subprocess
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from djbundle.errors import NotServingError, UpgradeError
from djbundle.runtime.bundle import Bundle
from djbundle.runtime.control import ask, ask_status
from djbundle.runtime.signature import SUFFIX, Signature

KEPT = ".previous"
PATIENCE = 120.0  # seconds for each question to the new file


@dataclass(frozen=True, slots=True)
class Running:
    """What `serve` says of itself."""

    name: str
    version: str
    program: Path
    signer: str  # the public key by which a new version must be signed, or ""

    @classmethod
    def of(cls, data: Path) -> "Running":
        told = ask_status(data)
        signer = told.get("signer", "")  # an older version says nothing of it
        return cls(told["name"], told["version"], Path(told["program"]), signer)

    @property
    def previous(self) -> Path:
        return self.program.with_name(self.program.name + KEPT)

    def wanted_signature(self, new: Path, file: Path | None) -> Signature | None:
        """What must sign `new`; by default ``NEW.sig``. None where nothing must."""
        return Signature(self.signer, file or new.with_name(new.name + SUFFIX)) if self.signer else None


def add_upgrade_options(parser: ArgumentParser) -> None:
    parser.add_argument("new", type=Path, metavar="NEW", help="the file of the new version")
    parser.add_argument("--check", action="store_true", help="only say what would happen")
    parser.add_argument("--signature", type=Path, metavar="FILE", help="where one is asked for  [default: NEW.sig]")
    add_json(parser)


def add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print each step as a line of JSON")


def run_upgrade(bundle: Bundle, arguments: list[str]) -> int:
    parser = ArgumentParser(prog=f"{Path(bundle.program).name} upgrade", allow_abbrev=False)
    add_upgrade_options(parser)
    options = parser.parse_args(arguments)
    running = Running.of(bundle.data)
    say = Says(as_json=options.json)
    signature = running.wanted_signature(options.new, options.signature)
    version = inspect(options.new, running, bundle.data, signature)
    good = "whole and signed" if signature else "whole"
    say("checked", f"{options.new} is {good}: {running.name} {version}, in place of {running.version}", version=version)
    if options.check:
        foretell(options.new, bundle.data, say)
        return 0
    replace_and_reload(bundle, running, options.new, say, signature)
    return 0


def run_rollback(bundle: Bundle, arguments: list[str]) -> int:
    """The file that was before the last upgrade comes back; what was migrated stays so."""
    parser = ArgumentParser(prog=f"{Path(bundle.program).name} rollback", allow_abbrev=False)
    add_json(parser)
    options = parser.parse_args(arguments)
    running = Running.of(bundle.data)
    if not running.previous.is_file():
        raise UpgradeError(f"there is no {running.previous}", "nothing was upgraded here; upgrade to the file you want")
    say = Says(as_json=options.json)
    version = inspect(running.previous, running, bundle.data)
    say("checked", f"back from {running.version} to {version}", version=version)
    replace_and_reload(bundle, running, running.previous, say)
    return 0


def inspect(new: Path, running: Running, data: Path, signature: Signature | None = None) -> str:
    """The version of the new file; raises UpgradeError for a file that is damaged, or of another application.

    A file that must be signed is not run before.
    """
    if not new.is_file():
        raise UpgradeError(f"there is no file {new}", "name the file of the new version")
    if not os.access(new, os.X_OK):
        raise UpgradeError(f"{new} may not be executed", f"chmod +x {new}")
    if signature:
        signature.check(new)
    question(new, data, "verify")
    told = json.loads(question(new, data, "version", "--json"))
    if told["name"] != running.name:
        raise UpgradeError(f'{new} is "{told["name"]}", and "{running.name}" serves', "name a file of this site")
    return str(told["version"])


def question(new: Path, data: Path, *words: str) -> str:
    """What the new file answers; raises UpgradeError with what it says when it fails."""
    command = [str(new.absolute()), *words, "--data-dir", str(data)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UpgradeError(f"{new} does not run: {error}", "build it for this machine, and copy it again") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"it ends with code {done.returncode}"])[0]
        raise UpgradeError(f"{new} does not do: {said.removeprefix('error: ')}", "copy it again, or build it again")
    return done.stdout


def foretell(new: Path, data: Path, say: "Says") -> None:
    """Whether migrations would be applied."""
    plan = question(new, data, "migrate", "--plan", "--no-color")
    steps = [line.strip() for line in plan.splitlines()[1:] if line.strip() and not line.startswith(" ")]
    if not steps or "No planned" in plan:
        say("plan", "no migrations: the new version would serve beside the old one, then replace it", migrations=[])
    else:
        text = (
            f"{len(steps)} migrations: connections would wait while they are applied to a database that was backed up"
        )
        say("plan", text, migrations=steps)


def replace_and_reload(
    bundle: Bundle, running: Running, new: Path, say: "Says", signature: Signature | None = None
) -> None:
    with in_place(new, running, signature):
        for told in reload(bundle.data):
            state = told.pop("state")
            if state == "failed":
                raise UpgradeError(f"the new version did not take over: {told['cause']}", told["fix"])
            say(state, STEPS.get(state, state), **told)


def reload(data: Path) -> Iterator[dict[str, Any]]:
    """The steps of the handover, up to the one that ends it."""
    state = ""
    for told in ask(data, command="reload"):
        state = told["state"]
        yield told
        if state in ("serving", "failed"):
            return
    raise NotServingError(f"`serve` went away while it was {state or 'asked'}", "look at its log")


STEPS = {
    "pending": "the old version finishes; new connections wait",
    "ready": "the new version answers",
    "serving": "the new version serves, the old one leaves",
}


@contextlib.contextmanager
def in_place(new: Path, running: Running, signature: Signature | None) -> Iterator[None]:
    """Put `new` where the running file is, and that beside it; all as before if the block fails."""
    program, kept = running.program, running.previous
    coming, going = (program.with_name(f".{program.name}.{word}") for word in ("next", "last"))
    try:
        copy(new, coming, signature)
        going.unlink(missing_ok=True)
        going.hardlink_to(program)
        coming.replace(program)
    except OSError as error:
        raise UpgradeError(
            f"cannot put the new file in place of {program}: {error.strerror}",
            "run this as a user who may, or make room",
        ) from error
    finally:
        coming.unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        going.replace(program)
        raise
    going.replace(kept)
    sync_folder(program.parent)


def copy(new: Path, to: Path, signature: Signature | None) -> None:
    """To the disk; what is signed is what arrives there, whatever happens to `new` meanwhile."""
    shutil.copy(new, to)
    with to.open("rb") as file:
        os.fsync(file.fileno())
    if signature:
        signature.check(to)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Says:
    """What the person at the terminal, or a machine, is told of each step."""

    as_json: bool

    def __call__(self, state: str, text: str, **facts: Any) -> None:
        print(json.dumps({"state": state, **facts}) if self.as_json else text, flush=True)
