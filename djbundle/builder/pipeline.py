"""All steps of a build, in order."""

import contextlib
import errno
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from rich.markup import escape

from djbundle import manifest
from djbundle.builder.archive import write
from djbundle.builder.archive.blocks import compress_blocks
from djbundle.builder.archive.pack import pack_tree, plan_blocks
from djbundle.builder.contents import assets, package_files, runtime, stdlib
from djbundle.builder.contents.file_selection import FileSelection
from djbundle.builder.contents.left_out import LeftOut, print_left_out
from djbundle.builder.contents.library_data import add_library_data
from djbundle.builder.contents.project_facts import project_facts
from djbundle.builder.contents.startup import files_of_start
from djbundle.builder.core.cache import Cache, default_folder
from djbundle.builder.core.console import Console
from djbundle.builder.core.target import Target
from djbundle.builder.core.tree import Tree
from djbundle.builder.dependencies import modules
from djbundle.builder.dependencies.package_selection import Dependency, find_dependencies
from djbundle.builder.dependencies.target_wheels import with_wheels_for
from djbundle.builder.inspection.inspection import Inspection, inspect_project
from djbundle.builder.inventory.gather import Gathering
from djbundle.builder.inventory.sbom import add_sbom
from djbundle.builder.native import compiler, libraries, nuitka, sqlite
from djbundle.builder.native.refusals import RefusedModuleError, choose_modules
from djbundle.builder.options import BuildOptions
from djbundle.builder.project.hooks import run_before
from djbundle.builder.project.project import Project
from djbundle.builder.project.python_version import experimental_note
from djbundle.builder.report import Report, make_manifest
from djbundle.builder.verify import draft, verification
from djbundle.builder.verify.comparison import Comparison
from djbundle.builder.verify.crawl_record import CrawlRecord
from djbundle.builder.verify.migrated import MigratedData
from djbundle.builder.versions import check_versions
from djbundle.errors import DiskFullError, VerificationError

NOTHING_COMPILED = modules.Choice({}, {})
ADVICE_IF_COMPARED = "see in the traceback what it lacks: from the sources it works"
ADVICE_IF_NOT_COMPARED = "see in the traceback whether the cause is the project or the bundle"
NO_VERIFY_ADVICE = ", or write the bundle all the same with --no-verify"


def build(options: BuildOptions, console: Console) -> Report:
    """Build the bundle. Every error is a DjbundleError, and leaves no files behind.

    Begin again without each module that Nuitka cannot compile: it stays bytecode.
    """
    while True:
        try:
            return _build(options, console)
        except RefusedModuleError as refused:
            console.print(escape(f"Nuitka cannot compile {refused}; it stays bytecode, and the build begins again"))


def _build(options: BuildOptions, console: Console) -> Report:
    cache = Cache(default_folder())
    built = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    with _disk_full_error(), tempfile.TemporaryDirectory(prefix="djbundle-") as folder:
        work = Path(folder)
        with console.step("find the project") as step:
            check_versions()
            project = options.find_project()
            output = (options.output or Path("dist") / project.name).absolute()
            write.check_output(output)
            step.note(f"{project.name} {project.version}, {project.settings_module} ({project.settings_reason})")

        target = _find_target(options, console)
        _run_before(project, options, console)
        compiled, kept = NOTHING_COMPILED if target.is_other else choose_modules(project, cache)
        with nuitka.Compilation(project.root, compiled, kept, cache, work) as compilation:
            with console.step("import it and collect its static files") as step:
                inspection, dependencies = _inspect(project, options, target, work, console)
                step.note(f"Django {inspection.django}, {len(dependencies)} packages of {options.packages}")

            with console.step("collect packages, data and libraries") as step:
                selection, left_out = _choose_files(project, inspection, work / "static", console)
                tree = Tree(work, target.machine)
                assets.add_project(tree, selection, compiled, cache)
                package_files.add_packages(tree, dependencies, compiled, project, inspection, cache)
                facts = project_facts(project, tree, compiled)
                runtime.add_runtime(tree, facts, cache, work, keeps_docstrings=inspection.shows_docstrings)
                stdlib.add_standard_library(tree, target, stdlib.used_of_gpl(project, inspection), cache)
                assets.add_static_files(tree, work / "static", left_out.static, cache)
                library_data = _close_libraries(tree, project, inspection, target, cache)
                _add_manifest(tree, make_manifest(project, inspection, target, library_data, built))
                start = [*files_of_start(tree, project, target, inspection.opened)]
                launcher = compiler.compile_launcher(target.machine, cache)
                cache.digests.save()
                step.note(f"{len(tree)} files")
            _print_notes(target, cache, console)

            comparison = _comparison(project, inspection, options, work)
            raw_blocks = plan_blocks(tree, start, cache.digests).blocks
            if options.verify and not target.is_other and draft.is_worthwhile(raw_blocks, compilation, cache):
                _check_draft(draft.Draft(tree, start, launcher, compiled, comparison), cache, console)

            with console.step("compress them") as step:
                compress_blocks(raw_blocks, cache, step.progress)

            if compiled:
                _add_compiled(tree, compilation, modules.summary(compiled, kept), cache, console)

        with contextlib.ExitStack() as stack:
            with console.step("write the bundle") as step:
                add_sbom(tree, project, Gathering(tree, dependencies, target, cache), launcher, built)
                archive = pack_tree(tree, start, cache, step.progress)
                bundle = stack.enter_context(write.new_bundle(output, launcher, archive, built))
                cache.digests.save()
                cache.prune()
            migrated = MigratedData.of(cache, archive, project.settings_module, comparison.environment)
            record = _verify(bundle, target, comparison, migrated, console) if options.verify else None

    return replace(Report.of(output, project, dependencies, archive, console.steps, record), left_out=left_out)


def _find_target(options: BuildOptions, console: Console) -> Target:
    compiler.find_compiler(options.machine)
    if not options.is_for_other:
        return options.find_target()
    with console.step("find the target's Python") as step:
        target = options.find_target()
        step.note(f"Python {target.version} for {target.machine.name}")
    return target


def _run_before(project: Project, options: BuildOptions, console: Console) -> None:
    """Run the commands that the project's configuration wants to run before a build."""
    for command in project.configuration.before:
        with console.step(command):
            run_before(command, project, options.environment)


def _inspect(
    project: Project, options: BuildOptions, target: Target, work: Path, console: Console
) -> tuple[Inspection, list[Dependency]]:
    """Run the project once; return the inspection, and the needed packages. Refuse an SQLite that is too old.

    The errors of the project's own checks are printed. They are no error of the build: a server starts without checks,
    and some want what a build machine does not have.
    """
    inspection = inspect_project(project, options.environment, work)
    for each in inspection.failed_checks:
        console.print(f"[yellow]warning:[/] manage.py check fails: {escape(each)}")
    if not target.is_other:
        sqlite.check_sqlite(inspection.databases)
    return inspection, _find_packages(project, inspection, target, work, console)


def _print_notes(target: Target, cache: Cache, console: Console) -> None:
    """Print the limits of this Python. The project is not their cause."""
    reason = compiler.why_not_static(target, cache)
    linking = reason and f"the bundle loads Python as a shared library, since it cannot be linked: {reason}"
    own_sqlite = "" if target.is_other else sqlite.note()
    for note in filter(None, (experimental_note(), own_sqlite, linking)):
        console.print(escape(note))


def _choose_files(
    project: Project, inspection: Inspection, static: Path, console: Console
) -> tuple[FileSelection, LeftOut]:
    """Decide which project files go in, and print which are left out."""
    selection = FileSelection(project, inspection)
    left_out = LeftOut.of(selection, static)
    print_left_out(left_out, console)
    return selection, left_out


def _close_libraries(
    tree: Tree, project: Project, inspection: Inspection, target: Target, cache: Cache
) -> dict[str, str]:
    """Add the shared libraries; return the locations of their data files, for the manifest."""
    excludes = project.configuration.excludes
    loaded = [path for path in map(Path, inspection.libraries) if not excludes(Path(path.name))]
    libraries.close_libraries(tree, loaded, target, cache)
    return add_library_data(tree, loaded)


def _find_packages(
    project: Project, inspection: Inspection, target: Target, work: Path, console: Console
) -> list[Dependency]:
    """Return the packages of the bundle; those with machine code are for the target."""
    dependencies = find_dependencies(project, inspection)
    if not target.is_other:
        return dependencies
    packages = with_wheels_for(target, dependencies, work / "wheels")
    names = {each.name for each in packages}
    for each in dependencies:
        if each.name not in names:
            console.print(f"{each.name} stays out: it has no wheel for {target.machine.name}. It is for {each.reason}")
    return packages


def _add_manifest(tree: Tree, written: manifest.Manifest) -> None:
    tree.add_text(manifest.FILE_NAME, written.to_json(), "project")


def _add_compiled(tree: Tree, compilation: nuitka.Compilation, summary: str, cache: Cache, console: Console) -> None:
    with console.step("compile the project to C") as step:
        module = compilation.result(step.progress)
        libraries.add_module(tree, f"{nuitka.MODULE}{EXTENSION_SUFFIXES[0]}", module, cache)
        step.note(summary, cached=compilation.was_cached)


def _verify(
    bundle: Path, target: Target, comparison: Comparison, migrated: MigratedData, console: Console
) -> CrawlRecord | None:
    """Crawl the bundle. Where an emulator runs it, a crawl takes too long: only Django's checks run there."""
    if not target.is_other:
        return _crawl(bundle, comparison, migrated, console)
    if _starts_here(bundle, target, console):
        with console.step("check it under emulation"):
            _raise_for_problems(verification.check(bundle, comparison), console)
    return None


def _starts_here(bundle: Path, target: Target, console: Console) -> bool:
    """Return whether this machine starts the bundle for another one, by an emulator; say so if it does not.

    Raise VerificationError if the bundle starts and fails.
    """
    try:
        started = subprocess.run([bundle, "version"], env={}, capture_output=True, text=True, check=False)
    except OSError:
        console.print(f"nothing of it was run: it is for {target.machine.name}. There:  djbundle verify {bundle.name}")
        return False
    if started.returncode:
        cause = " ".join(started.stderr.split()) or f"exit code {started.returncode}"
        raise VerificationError(f"it does not start under emulation: {cause}", f"report it{NO_VERIFY_ADVICE}")
    return True


def _comparison(project: Project, inspection: Inspection, options: BuildOptions, work: Path) -> Comparison:
    environment = verification.environment_of_build(inspection.variables, options.environment)
    return Comparison(project, environment, work / "static")


def _check_draft(of: draft.Draft, cache: Cache, console: Console) -> None:
    """Check a draft of the bundle, before the slow steps; raise VerificationError if a check fails."""
    with console.step("check a draft of it"):
        _raise_for_problems(of.check(cache), console)


def _crawl(bundle: Path, comparison: Comparison, migrated: MigratedData, console: Console) -> CrawlRecord:
    """Crawl the bundle and print what fails; raise VerificationError if anything does."""
    with console.step("crawl its pages") as step:
        record = verification.verify(bundle, comparison.environment, comparison, migrated, step.progress)
        _raise_for_problems(record, console)
        step.note(verification.summary(record))
    return record


def _raise_for_problems(record: CrawlRecord, console: Console) -> None:
    """Print what fails in the bundle; raise VerificationError if anything does."""
    for line in verification.problem_lines(record):
        console.print(escape(line))
    advice = ADVICE_IF_COMPARED if record.is_empty else ADVICE_IF_NOT_COMPARED
    verification.raise_for_problems(record, advice, NO_VERIFY_ADVICE)


@contextlib.contextmanager
def _disk_full_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        path = error.filename or default_folder()
        raise DiskFullError(
            f"the disk is full: {path}", "free some room, or move TMPDIR and DJBUNDLE_BUILD_CACHE"
        ) from error
