"""The project's C: after a change of one module, only the C of that module is compiled again."""

import re
from pathlib import Path, PurePosixPath

from djbundle.builder.core.cache import Cache
from djbundle.builder.native.nuitka import LOG, Compilation

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
