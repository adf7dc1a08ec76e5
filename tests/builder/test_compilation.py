"""The project's C: after a change of one module, only the C of that module is compiled again."""

import contextlib
import os
import re
from pathlib import Path, PurePosixPath

import pytest

from djbundle.builder.core.cache import Cache
from djbundle.builder.native import nuitka
from djbundle.builder.native.nuitka import LOG, Compilation
from djbundle.errors import CompileError

MODULES = ("__init__", "first", "second")
COUNTS = re.compile(r"result 'cache (hit|miss)': (\d+)")


def compile_to_c(project: Path, cache: Cache, work: Path) -> Compilation:
    work.mkdir()
    modules = {PurePosixPath("pack", f"{name}.py"): project / "pack" / f"{name}.py" for name in MODULES}
    with Compilation(project, modules, (), cache, work) as compilation:
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


def test_builds_at_the_same_time_have_logs_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache has the log of the one that ended last."""
    cache, running = Cache(tmp_path / "cache"), []
    with contextlib.ExitStack() as stack:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            monkeypatch.setattr(nuitka, "_arguments", lambda *_, name=name: [f"--unknown-{name}"])
            compilation = nuitka.Compilation(tmp_path, {}, (), cache, tmp_path / name)
            running.append(stack.enter_context(compilation))
            assert compilation._process
            assert os.getpriority(os.PRIO_PROCESS, compilation._process.pid) >= nuitka.NICENESS
        for compilation, name in zip(running, ("one", "two"), strict=True):
            with pytest.raises(CompileError, match=f"--unknown-{name}"):
                compilation.result(lambda _share: None)
            assert f"--unknown-{name}" in (cache.folder / nuitka.LOG).read_text()
