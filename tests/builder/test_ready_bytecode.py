"""Bytecode of an environment goes in, with another path, where it is what compiling would give."""

import marshal
import os
import py_compile
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest

from djbundle.builder.contents import bytecode
from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.contents.ready_bytecode import ready_bytecode
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import Tree

TEXT = """
class Shop:
    def prices(self, *names):
        return [lambda: name for name in names if isinstance(name, (int, float)) and name > 10.5]
"""
SETS_AND_CLASSES = """
class Shop:
    class Price:
        def is_net(self, kind):
            return kind in {"ODD_NET", "ODD_GROSS"}

    def kinds(self) -> "Shop.Price":
        return [kind for kind in dir(self) if kind in {"ODD_NET", "ODD_GROSS"} or kind in {1, 2} or kind in {True, 2}]
"""
NAMES = "ODD_NET", "Shop.Price"
COMPILE_BESIDE = (
    "import py_compile, sys; names = [sys.intern(name) for name in sys.argv[2:]]; py_compile.compile(sys.argv[1])"
)
IN_BUNDLE = "/djb/pack/shop.py"
MODES = py_compile.PycInvalidationMode


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "shop.py"
    source.write_text(TEXT)
    return source


def bytecode_of(source: Path, cache: Path, name: str = "pack/shop.py") -> bytes:
    tree = Tree(cache.parent)
    add_bytecode(tree, [Source(source, name)], Cache(cache), "packages")
    return tree["pack/shop.pyc"].source.read_bytes()


@pytest.mark.parametrize("mode", [*MODES])
def test_it_is_what_compiling_gives(source: Path, tmp_path: Path, mode: py_compile.PycInvalidationMode) -> None:
    compiled = bytecode_of(source, tmp_path / "without")
    assert IN_BUNDLE.encode() in compiled
    py_compile.compile(str(source), invalidation_mode=mode)
    assert ready_bytecode(source, source.read_bytes(), IN_BUNDLE) == compiled[16:]
    assert bytecode_of(source, tmp_path / "with") == compiled


@pytest.mark.parametrize("name", NAMES)
def test_compiled_beside_modules_with_the_same_names(source: Path, tmp_path: Path, name: str) -> None:
    """Python then writes other bytes, and the bundle has the same ones."""
    source.write_text(SETS_AND_CLASSES)
    compiled = bytecode_of(source, tmp_path / "without")
    py_compile.compile(str(source))
    alone = ready_bytecode(source, source.read_bytes(), IN_BUNDLE)
    subprocess.run([sys.executable, "-c", COMPILE_BESIDE, source, name], check=True)
    assert alone != ready_bytecode(source, source.read_bytes(), IN_BUNDLE) is not None
    assert bytecode_of(source, tmp_path / "with") == compiled
    found: dict[str, Any] = {}
    exec(marshal.loads(compiled[16:]), found)
    assert found["Shop"].Price().is_net("ODD_NET")
    assert found["Shop"]().kinds() == []


def test_it_is_not_compiled_again(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    py_compile.compile(str(source))
    monkeypatch.setattr(bytecode, "compile", lambda *_: pytest.fail("it was compiled"), raising=False)
    assert bytecode_of(source, tmp_path / "cache")


def test_django_without_docstrings_is_compiled(source: Path, tmp_path: Path) -> None:
    py_compile.compile(str(source))
    tree = Tree(tmp_path)
    source.write_text(f'"""What a shop has."""{TEXT}')
    add_bytecode(tree, [Source(source, "shop.py", keeps_docstrings=False)], Cache(tmp_path / "cache"), "packages")
    assert b"What a shop has" not in tree["shop.pyc"].source.read_bytes()


def test_another_size_or_time_of_the_source(source: Path) -> None:
    py_compile.compile(str(source))
    status = source.stat()
    os.utime(source, (status.st_atime, status.st_mtime + 2))
    assert ready_bytecode(source, source.read_bytes(), IN_BUNDLE) is None
    source.write_text(f"{TEXT}# more")
    os.utime(source, (status.st_atime, status.st_mtime))
    assert ready_bytecode(source, source.read_bytes(), IN_BUNDLE) is None


def test_hash_of_another_source(source: Path) -> None:
    py_compile.compile(str(source), invalidation_mode=MODES.UNCHECKED_HASH)
    source.write_text(TEXT.replace("10.5", "11.5"))
    assert ready_bytecode(source, source.read_bytes(), IN_BUNDLE) is None


def test_bytecode_of_another_path_or_python(source: Path) -> None:
    """An environment was moved, or another Python uses it too."""
    py_compile.compile(str(source), dfile="/elsewhere/shop.py")
    assert ready_bytecode(source, source.read_bytes(), IN_BUNDLE) is None
    py_compile.compile(str(source))
    cached = Path(cache_from_source(str(source)))
    cached.write_bytes(b"\0\0" + cached.read_bytes()[2:])
    assert ready_bytecode(source, source.read_bytes(), IN_BUNDLE) is None
    cached.write_bytes(b"")
    assert ready_bytecode(source, source.read_bytes(), IN_BUNDLE) is None


def test_source_that_has_its_path_in_a_text(source: Path) -> None:
    source.write_text(f"PLACE = {str(source)!r}\n{TEXT}")
    py_compile.compile(str(source))
    assert ready_bytecode(source, source.read_bytes(), IN_BUNDLE) is None


def test_paths_that_marshal_writes_in_another_way(source: Path) -> None:
    py_compile.compile(str(source))
    assert ready_bytecode(source, source.read_bytes(), "/djb/straße.py") is None
    assert ready_bytecode(source, source.read_bytes(), f"/djb/{'long' * 100}.py") is None


def test_module_without_functions(source: Path, tmp_path: Path) -> None:
    source.write_text("")
    compiled = bytecode_of(source, tmp_path / "without")
    py_compile.compile(str(source))
    assert ready_bytecode(source, b"", IN_BUNDLE) == compiled[16:]
