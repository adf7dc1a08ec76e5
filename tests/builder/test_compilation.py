"""The project's C: after a change of one module, only the C of that module is compiled again."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path, PurePosixPath

import pytest

from djbundle.builder.core.cache import Cache
from djbundle.builder.dependencies.modules import Choice, Modules
from djbundle.builder.native import nuitka
from djbundle.builder.native.nuitka import LOG, MODULE, Compilation
from djbundle.builder.native.refusals import RefusedModuleError, without_refused
from djbundle.errors import CompileError

TEMPLATE = "x = 1\ny = t'{x!r}'\n"  # likewise
UNHASHABLE = "def name():\n    return {[]}\n"  # a fault of Nuitka's own
MODULES = ("__init__", "first", "second")
COUNTS = re.compile(r"result 'cache (hit|miss)': (\d+)")


def modules_of(project: Path) -> Modules:
    return {PurePosixPath("pack", f"{name}.py"): project / "pack" / f"{name}.py" for name in MODULES}


def compile_to_c(
    project: Path, cache: Cache, work: Path, modules: Modules | None = None, bytecode: tuple[PurePosixPath, ...] = ()
) -> Compilation:
    work.mkdir()
    with Compilation(project, modules or modules_of(project), bytecode, cache, work) as compilation:
        compilation.result(lambda _share: None)
    return compilation


def results_of_ccache(cache: Cache) -> dict[str, int]:
    return {kind: int(count) for kind, count in COUNTS.findall((cache.folder / LOG).read_text())}


def test_only_the_changed_module_is_compiled_again(tmp_path: Path) -> None:
    project, cache = tmp_path / "project", Cache(tmp_path / "cache")
    (project / "pack").mkdir(parents=True)
    for name in MODULES:
        (project / "pack" / f"{name}.py").write_text(f"def name():\n    return {name!r}\n")
    assert not compile_to_c(project, cache, tmp_path / "one").was_cached
    first = results_of_ccache(cache)
    assert set(first) == {"miss"}

    (project / "pack" / "second.py").write_text("def name():\n    return 'changed'\n")
    assert not compile_to_c(project, cache, tmp_path / "two").was_cached
    assert results_of_ccache(cache) == {"hit": first["miss"] - 1, "miss": 1}

    assert compile_to_c(project, cache, tmp_path / "three").was_cached


def answer(library: Path, code: str) -> str:
    """Return what `code` prints where the compiled modules are found."""
    shutil.copy(library, library.with_name(f"{MODULE}{EXTENSION_SUFFIXES[0]}"))
    command = [sys.executable, "-c", f"import {MODULE}\n{code}"]
    return subprocess.run(command, cwd=library.parent, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("refused", "text"), [("__init__", UNHASHABLE), ("first", UNHASHABLE), ("first", TEMPLATE)])
def test_a_module_that_nuitka_cannot_compile_stays_out(tmp_path: Path, refused: str, text: str) -> None:
    """A package itself stays out too, and what is in it is compiled."""
    if text == TEMPLATE and sys.version_info < (3, 14):
        pytest.skip("this Python has no such strings")
    project, cache = tmp_path / "project", Cache(tmp_path / "cache")
    (project / "pack").mkdir(parents=True)
    for name in MODULES:
        (project / "pack" / f"{name}.py").write_text(text if name == refused else f"name = {name!r}\n")
    with pytest.raises(RefusedModuleError, match=f"pack/{refused}.py:2"):
        compile_to_c(project, cache, tmp_path / "one")

    compiled, kept = without_refused(Choice(modules_of(project), {}), cache)
    assert [*map(str, kept)] == [f"pack/{refused}.py"]
    library = compile_to_c(project, cache, tmp_path / "two", compiled, (*kept,)).module
    assert library is not None
    code = "import pack.second; print(pack.second.name, type(pack.second.__loader__).__name__)"
    assert answer(library, code) == "second nuitka_module_loader\n"


DEFERRED = """
import dataclasses, typing

@dataclasses.dataclass
class Order:
    number: int
    items: list[Item]
    customer: Unknown = None

def ship(order: Order, to: Unknown) -> Item | None: ...

class Item: ...
"""
QUESTIONS = """
import annotationlib, dataclasses, inspect, pack.first as first
print([(each.name, each.type == list[first.Item]) for each in dataclasses.fields(first.Order)])
for kind in annotationlib.Format.FORWARDREF, annotationlib.Format.STRING:
    print(annotationlib.get_annotations(first.Order, format=kind))
    print(inspect.signature(first.ship, annotation_format=kind))
try:
    first.ship.__annotations__
except NameError as error:
    print(error)
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="this Python evaluates annotations at once")
def test_annotations_are_evaluated_when_they_are_asked_for(tmp_path: Path) -> None:
    project, cache = tmp_path / "project", Cache(tmp_path / "cache")
    (project / "pack").mkdir(parents=True)
    for name in MODULES:
        (project / "pack" / f"{name}.py").write_text(DEFERRED if name == "first" else "")
    library = compile_to_c(project, cache, tmp_path / "one").module
    assert library is not None
    command = [sys.executable, "-c", QUESTIONS]
    interpreted = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout
    compiled = answer(
        library, f"import pack.first; assert 'nuitka' in type(pack.first.__loader__).__name__\n{QUESTIONS}"
    )
    assert compiled == interpreted
    assert "Unknown" in compiled


def test_builds_at_the_same_time_have_logs_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache has the log of the one that ended last."""
    cache, running = Cache(tmp_path / "cache"), []
    (tmp_path / "first.py").touch()
    modules = {PurePosixPath("first.py"): tmp_path / "first.py"}
    with contextlib.ExitStack() as stack:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            monkeypatch.setattr(nuitka, "_arguments", lambda *_, name=name: [f"--unknown-{name}"])
            compilation = nuitka.Compilation(tmp_path, modules, (), cache, tmp_path / name)
            running.append(stack.enter_context(compilation))
            assert compilation._process
            assert os.getpriority(os.PRIO_PROCESS, compilation._process.pid) >= nuitka.NICENESS
        for compilation, name in zip(running, ("one", "two"), strict=True):
            with pytest.raises(CompileError, match=f"--unknown-{name}"):
                compilation.result(lambda _share: None)
            assert f"--unknown-{name}" in (cache.folder / nuitka.LOG).read_text()
