"""Shared libraries in a bundle: each names all libraries that it uses, and is loaded after them."""

import ctypes
import subprocess
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

from djbundle.builder.core.cache import Cache, default_folder
from djbundle.builder.core.target import this_target
from djbundle.builder.native import compiler, elf, sqlite, underlinked

# "reader" uses "data" without naming it; "top" names both, as GDAL does with the libraries of HDF4.
SOURCES = {
    "data": "int value = 7;",
    "reader": "extern int value; int read_value(void) { return value; }",
    "top": "int read_value(void); int top(void) { return read_value(); }",
}


@pytest.fixture
def libraries(tmp_path: Path) -> dict[str, Path]:
    made = dict[str, Path]()
    for name, source in SOURCES.items():
        path = tmp_path / f"lib{name}.so"
        (tmp_path / f"{name}.c").write_text(source)
        others = [made["reader"], made["data"]] if name == "top" else []
        soname = f"-Wl,-soname,{path.name}"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-Wl,-z,now", soname, tmp_path / f"{name}.c", "-o", path, *others], check=True
        )
        made[name] = path
    return made


def test_what_a_library_does_not_name_is_added(libraries: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="undefined symbol: value"):
        ctypes.CDLL(str(libraries["reader"]))
    names = {name: f"_lib/{path.name}" for name, path in libraries.items()}
    needs = {names["top"]: {names["reader"]: "libreader.so", names["data"]: "libdata.so"}}
    needs |= {names["reader"]: {}, names["data"]: {}, "_main": {}}
    files = {names[name]: path for name, path in libraries.items()} | {"_main": libraries["top"]}
    assert underlinked.add_missing_needs(needs, files, "_lib", "_main") == {names["reader"]: ["libdata.so"]}
    assert needs[names["reader"]] == {names["data"]: "libdata.so"}
    data = ctypes.CDLL(str(libraries["data"]))
    slim = elf.slim(libraries["reader"], Cache(tmp_path / "cache"), elf.Linking(with_needs=["libdata.so"]))
    assert ctypes.CDLL(str(slim)).read_value() == ctypes.c_int.in_dll(data, "value").value


def test_what_the_program_has_is_not_added(libraries: dict[str, Path]) -> None:
    needs = {"_lib/top.so": {"_lib/reader.so": "a", "_lib/data.so": "b"}, "_lib/reader.so": {}, "_lib/data.so": {}}
    files = {f"_lib/{name}.so": path for name, path in libraries.items()} | {"_main": libraries["data"]}
    assert underlinked.add_missing_needs(needs | {"_main": {}}, files, "_lib", "_main") == {}


def test_symbols(libraries: dict[str, Path]) -> None:
    symbols = elf.read_symbols(libraries["reader"])
    assert "read_value" in symbols.defined
    assert "value" in symbols.undefined - symbols.defined


def test_program_has_packed_relocations() -> None:
    if compiler._glibc() < compiler.PACKED_SINCE:
        pytest.skip("the loader of this machine does not know them")
    program = compiler.compile_program(this_target(), Cache(default_folder()))
    with program.open("rb") as file:
        dynamic = (each for each in ELFFile(file).iter_segments() if isinstance(each, DynamicSegment))
        tags = {tag.entry.d_tag for segment in dynamic for tag in segment.iter_tags()}
    assert "DT_RELR" in tags


def test_column_names_are_unknown(tmp_path: Path) -> None:
    library = ctypes.CDLL(str(compiler.compile_column_names(sqlite.COLUMN_NAMES, Cache(tmp_path))))
    for name in ("database_name", "table_name", "origin_name"):
        for suffix in ("", "16"):
            function = getattr(library, f"sqlite3_column_{name}{suffix}")
            function.restype = ctypes.c_void_p
            assert function(None, 0) is None
