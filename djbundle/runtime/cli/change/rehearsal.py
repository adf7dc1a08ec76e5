"""``./shop upgrade NEW --rehearse``: the new version on a clone of the live data, compared with the old one.

Both get a clone of their own, in a temporary folder, in verify mode: no mail is sent, no task runs, and no service of
the site is used. Where the kernel permits it, they have no network either. Nothing of the site changes.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from djbundle.common.child import ChildDiedError, run_in_child
from djbundle.contract import variables
from djbundle.errors import DjbundleError, MigrationError, UnhealthyError, UpgradeError
from djbundle.runtime.backup.contents import Contents
from djbundle.runtime.backup.proving import surroundings, temporary_folder
from djbundle.runtime.backup.writing import size_of, write_backup
from djbundle.runtime.cli.change.rehearsed import PageResult
from djbundle.runtime.cli.main import print_error
from djbundle.runtime.cli.reporting import Reporter
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.own_process import cause_and_fix
from djbundle.runtime.logs.formats import printable
from djbundle.runtime.process import privileges
from djbundle.runtime.process.site_variables import load_variables

TIMEOUT = 3600.0  # seconds for each step
CODE = "from djbundle.runtime.cli.change import rehearsed; rehearsed.{function}()"
SLOWER, SLOWER_BY = 2.0, 0.05  # a page is slower by this factor, and by these seconds
FIX = "correct it, build again, and rehearse again; the site is as it was"


def rehearse(bundle: Bundle, new: Path, additions: Mapping[str, str], report: Reporter) -> int:
    """Rehearse an upgrade as the owner of the data, in a process of its own; return the exit code."""

    def work() -> str:
        try:
            privileges.enter(bundle.data)
            load_variables(bundle.data)
            Rehearsal(bundle, new, additions, report).run()
        except DjbundleError as error:
            print_error(error)
            return str(error.exit_code)
        return "0"

    try:
        return int(run_in_child(work))
    except ChildDiedError as death:
        raise UpgradeError(f"the rehearsal ended with code {death.code}", "look at what it printed") from death


@dataclass(frozen=True, slots=True)
class Rehearsal:
    bundle: Bundle
    new: Path  # the copy of the new version's file that was checked
    additions: Mapping[str, str]  # variables of the new version
    report: Reporter

    def run(self) -> None:
        """Report what differs. Raise MigrationError or UnhealthyError if the upgrade would do harm."""
        contents = replace(Contents.ask(self.bundle), media="")
        if contents.servers:
            raise UpgradeError(
                f"the database is on a server ({', '.join(contents.servers.values())}), which is not cloned",
                "rehearse with a copy of it:  DATABASE_URL=... in a data directory of its own",
            )
        with temporary_folder(self.bundle.data, 2 * size_of(contents)) as folder:
            backup = write_backup(self.bundle, contents, folder / "backup")
            for name, program in (("old", sys.executable), ("new", str(self.new))):
                self._run(program, folder / name, "restore", str(backup), "--hold", "--data-dir", str(folder / name))
            self.report("cloned", "the data are cloned, without uploads; no mail is sent, and no task runs")
            self._migrate(folder / "new")
            old = pages_from(self._call(sys.executable, folder / "old", "crawl"))
            asked = json.dumps([*old])
            new = pages_from(self._call(str(self.new), folder / "new", "ask", asked))
        self._compare(old, new)

    def _migrate(self, folder: Path) -> None:
        outcome = self._call(str(self.new), folder, "migrate")
        for name, seconds in outcome["seconds"].items():
            self.report("migrated", f"{printable(name)} took {seconds:.2f} s", migration=name, seconds=seconds)
        if failure := outcome["failure"]:
            name, error = failure["name"] or "a step after the migrations", failure["error"]
            self.report("failed", printable(failure["trace"]).replace("\\n", "\n"), **failure)
            raise MigrationError(f"the migration {name} would fail ({error})", FIX)

    def _compare(self, old: Mapping[str, PageResult], new: Mapping[str, PageResult]) -> None:
        differing, worse = 0, []
        for path, after in new.items():
            before = old.get(path)
            if text := difference(before, after):
                differing += 1
                self.report("page", f"{path}  {text}", **as_fields(path, before, after))
            if is_worse(before, after):
                worse.append(path)
        text = f"{len(new)} pages were asked for; {differing or 'none'} differ"
        self.report("rehearsed", text, pages=len(new), differing=differing, worse=worse)
        if worse:
            raise UnhealthyError(
                f"{len(worse)} of {len(new)} pages would fail in the new version, such as {worse[0]}", FIX
            )

    def _call(self, program: str, folder: Path, function: str, given: str = "") -> Any:
        """Return what a function of rehearsed.py prints, in this version on this clone."""
        output = self._run(program, folder, "-c", CODE.format(function=function), given=given)
        try:
            return json.loads(output.splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise UpgradeError(f"{program} does not answer in a rehearsal", "upgrade without one") from error

    def _run(self, program: str, folder: Path, *words: str, given: str = "") -> str:
        options = surroundings()
        own = f"{variables.DATA_DIRECTORY_OF}{self.bundle.manifest.name}"  # names the live data, and would win
        options["env"] |= {variables.DATA_DIRECTORY: str(folder), own: str(folder)}
        if program == str(self.new):
            options["env"] |= self.additions
        del options["stdin"]
        result: subprocess.CompletedProcess[str] = subprocess.run(
            [program, *words], input=given, capture_output=True, text=True, timeout=TIMEOUT, check=False, **options
        )
        if result.returncode:
            cause, fix = cause_and_fix(result.stderr or f"it ended with code {result.returncode}")
            version = "the new version" if program == str(self.new) else "the version that serves"
            raise UpgradeError(f"{version} fails on the clone: {cause}", fix)
        return result.stdout


def pages_from(answer: Any) -> dict[str, PageResult]:
    return {each["path"]: PageResult(**each) for each in answer}


def difference(old: PageResult | None, new: PageResult) -> str:
    """Return what differs for the person who looks, or "" if nothing does."""
    error = f"  {printable(new.error)}" if new.error else ""
    if old is None:
        return f"new: {new.status}, {new.queries} queries, {new.seconds * 1000:.0f} ms{error}"
    parts = []
    if old.status != new.status:
        parts.append(f"{old.status} -> {new.status}{error}")
    if old.queries != new.queries:
        parts.append(f"{old.queries} -> {new.queries} queries")
    if new.seconds > max(SLOWER * old.seconds, old.seconds + SLOWER_BY):
        parts.append(f"{old.seconds * 1000:.0f} -> {new.seconds * 1000:.0f} ms")
    return ", ".join(parts)


def is_worse(old: PageResult | None, new: PageResult) -> bool:
    """Return whether a page fails that did not, or is not there any more."""
    if old is None:
        return new.status >= 500
    return new.status >= 400 and new.status // 100 > old.status // 100


def as_fields(path: str, old: PageResult | None, new: PageResult) -> dict[str, Any]:
    return {"path": path, "old": asdict(old) if old else None, "new": asdict(new)}
