"""``./shop upgrade NEW``: another version replaces the one that serves. ``rollback`` is in change/rollback.py.

The new file is checked and put in place, and the old file is kept beside it. Then `serve` is asked to hand over. If the
new version does not take over, the old file is restored; the database has been restored by then.

Any process of the site's user may answer at the control socket, and root may be the caller. So no answer decides what
is replaced, run or trusted. The kernel confirms that the process which answers runs this very program. The name, the
version and the signer's key are those of this program itself.
"""

import contextlib
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from djbundle.contract.handover import HandoverState
from djbundle.errors import DjbundleError, NotServingError, UpgradeError
from djbundle.runtime.cli.reporting import Reporter, add_json
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.safe_path import find_weakness
from djbundle.runtime.handover.control_socket import Peer, parse_reply, request_status, send_command
from djbundle.runtime.handover.messages import HandoverMessage
from djbundle.runtime.handover.migration_plan import MigrationPlan, RunCode, ask_for_plan, ask_for_unknown
from djbundle.runtime.handover.new_version import NewVersion, Version, copied_beside, in_place, open_new
from djbundle.runtime.handover.signature import SUFFIX, Signature
from djbundle.runtime.logs.formats import printable
from djbundle.runtime.options.parser import parse_options
from djbundle.runtime.process import privileges
from djbundle.runtime.process.site_variables import check_name, offered

PREVIOUS_SUFFIX = ".previous"


@dataclass(frozen=True, slots=True)
class RunningVersion:
    """The program that serves: the file that this command was called by."""

    version: Version
    program: Path
    signer: str  # the public key by which a new version must be signed, or ""

    @classmethod
    def of(cls, bundle: Bundle) -> "RunningVersion":
        """Return the program that serves. Raises NotServingError if none does, UpgradeError if another one does."""
        request_status(bundle.data, check_program)
        return cls(Version.of(bundle.manifest), Path(sys.executable), bundle.manifest.signer)

    @property
    def previous(self) -> Path:
        return self.program.with_name(self.program.name + PREVIOUS_SUFFIX)

    def run_code(self, data: Path) -> RunCode:
        """Return a function that runs Python in this version, as the owner of the data."""
        return NewVersion(self.program, self.program, data).run_code

    def required_signature(self, new: Path, file: Path | None) -> Signature | None:
        """Return the signature that `new` needs, by default in ``NEW.sig``; None where it needs none."""
        return Signature(self.signer, file or new.with_name(new.name + SUFFIX)) if self.signer else None


def check_program(peer: Peer) -> None:
    """Raise UpgradeError if the process that listens does not run this program."""
    other = f"/proc/{peer.pid}/exe"
    try:
        other_status, own_status = os.stat(other), os.stat("/proc/self/exe")  # noqa: PTH116 - by links of the kernel's own
        name = printable(os.readlink(other))  # noqa: PTH115
    except OSError as error:
        raise UpgradeError(
            f"cannot see which program serves (process {peer.pid}): {error.strerror}",
            "run this as the user who serves, or as root, and in the same container",
        ) from error
    if (other_status.st_dev, other_status.st_ino) == (own_status.st_dev, own_status.st_ino):
        return
    if name == f"{sys.executable} (deleted)":  # see proc_pid_exe(5)
        raise UpgradeError(
            f"{sys.executable} was replaced, and process {peer.pid} still serves the file from before",
            f"make it use the new file:  kill -HUP {peer.pid}",
        )
    raise UpgradeError(
        f"{name} serves (process {peer.pid}), and not {sys.executable}",
        "run this command of that file, or, if the file was moved by hand, restart the site",
    )


def drop_rights(data: Path, program: Path) -> None:
    """Drop the rights of root if the program's folder belongs to the owner of the data. Raises UpgradeError.

    Root replaces its own programs as root. A program of any other user is refused: that user could exchange it between
    two checks.
    """
    if os.geteuid() != 0:
        return
    owner = privileges.owner_of(data)
    if weakness := find_weakness(program.parent, {0, owner.uid if owner else 0}, is_parent=True):
        raise UpgradeError(f"{program} is not safe: {weakness.path} {weakness.why}", weakness.fix)
    if owner and program.parent.stat().st_uid == owner.uid:
        privileges.enter(data)


# --- the commands ---


def add_upgrade_options(parser: ArgumentParser) -> None:
    parser.add_argument("new", type=Path, metavar="NEW", help="the file of the new version")
    parser.add_argument("--check", action="store_true", help="only say what would happen")
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="migrate a clone of the data with the new version, and compare its pages with those of the version that"
        " serves; change nothing",
    )
    parser.add_argument(
        "--signature", type=Path, metavar="FILE", help="the signature, if one is required  [default: NEW.sig]"
    )
    parser.add_argument(
        "--allow-downgrade", action="store_true", help="accept an older version too, if a signature is required"
    )
    parser.add_argument(
        "--env",
        type=checked_variable,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable that the new version needs, stored as by `env set` when the upgrade has succeeded; repeatable",
    )
    add_json(parser)


def checked_variable(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if "=" not in text:
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    check_name(name)
    return name, value


def run_upgrade(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "upgrade", arguments, add_upgrade_options)
    privileges.check_path(bundle.data, privileges.owner_of(bundle.data))
    running = RunningVersion.of(bundle)
    report = Reporter(as_json=options.json)
    signature = running.required_signature(options.new, options.signature)
    with open_new(options.new) as file:
        drop_rights(bundle.data, running.program)
        with copied_beside(running.program, file, options.new, bundle.data) as new:
            may_be_older = not signature or options.allow_downgrade
            checked = new.check(running.version, signature, may_be_older=may_be_older)
            version = checked.version
            condition = "whole and signed" if signature else "whole"
            text = (
                f"{options.new} is {condition}: {running.version.name} {version}, in place of {running.version.version}"
            )
            report("checked", text, version=version)
            if checked.is_older_than(running.version):
                report_unknown(ask_for_unknown(new.run_code, running.run_code(bundle.data)), report)
            if options.rehearse:
                from djbundle.runtime.cli.change.rehearsal import rehearse  # noqa: PLC0415 - few upgrades need it

                return rehearse(bundle, new.file, dict(options.env), report)
            if options.check:
                report_plan(new, report)
            else:
                with variables_offered(bundle.data, dict(options.env)):
                    replace_and_reload(running, new, report)
    return 0


@contextlib.contextmanager
def variables_offered(data: Path, additions: Mapping[str, str]) -> Iterator[None]:
    """Let the new version have these variables, and store them if the block succeeds."""
    with contextlib.ExitStack() as stack:
        if not additions:
            yield
            return
        with privileges.acting_as_owner(data):
            offer = stack.enter_context(offered(data, additions))
        try:
            yield
            with privileges.acting_as_owner(data):
                offer.store()
        finally:
            with privileges.acting_as_owner(data):
                offer.withdraw()


def report_plan(new: NewVersion, report: "Reporter") -> None:
    """Report whether migrations would be applied, and which of them the version that serves cannot work with."""
    plan = ask_for_plan(new.run_code, new.source)
    text = "no migrations: the new version would serve beside the old one, then replace it"
    if plan.must_wait:
        text = f"{count(plan)}: connections would wait meanwhile, and the database would be backed up before"
    elif plan.migrations:
        text = f"{count(plan)} of a database server: applied while the old version serves"
    report("plan", text, migrations=plan.migrations)
    report_hazards(plan, report)


def count(plan: MigrationPlan) -> str:
    return "1 migration" if len(plan.migrations) == 1 else f"{len(plan.migrations)} migrations"


def report_hazards(plan: MigrationPlan, report: "Reporter") -> None:
    """Report what the older version could not work with: beside the new one, or after a rollback."""
    for hazard, is_certain in plan.hazards.items():
        doubt = "cannot" if is_certain else "may not be able to"
        report("hazard", f"{hazard}: the older version {doubt} work with that", what=hazard, is_certain=is_certain)


def report_unknown(plan: MigrationPlan, report: "Reporter") -> None:
    """Report the applied migrations that the older version does not know: they stay applied."""
    if plan.migrations:
        text = f"{count(plan)} that it does not know, which stay applied: {', '.join(plan.migrations)}"
        report("unknown", text, migrations=plan.migrations)
        report_hazards(plan, report)


def replace_and_reload(running: RunningVersion, new: NewVersion, report: "Reporter") -> None:
    with in_place(new, running.program, running.previous):
        for message in handed_over(new.data, UpgradeError, "the new version did not take over"):
            report(message.state, PROGRESS_TEXTS.get(message.state, message.state), **message.fields)


def handed_over(
    data: Path, error: type[DjbundleError], consequence: str, options: Sequence[str] = ()
) -> Iterator[HandoverMessage]:
    """Yield the steps of a handover. If no process takes over, raise this error, which begins with the consequence."""
    for message in reload(data, options):
        if message.state == HandoverState.FAILED:
            raise error(f"{consequence}: {message.fields['cause']}", message.fields["fix"])
        yield message


def reload(data: Path, options: Sequence[str] = ()) -> Iterator[HandoverMessage]:
    """Yield the steps of the handover, up to the last one. `options` of `serve` win over those it runs with."""
    state = ""
    for reply in send_command(data, check_program, command="reload", **({"options": [*options]} if options else {})):
        message = parse_reply(HandoverMessage.of, reply, data)
        state = message.state
        yield message
        if state in (HandoverState.SERVING, HandoverState.FAILED):
            return
    raise NotServingError(f"`serve` went away while it was {state or 'asked'}", "look at its log")


PROGRESS_TEXTS: dict[str, str] = {
    HandoverState.PENDING: "the old version drains; new connections wait",
    HandoverState.READY: "the new version answers",
    HandoverState.SERVING: "the new version serves, the old one drains",
}
