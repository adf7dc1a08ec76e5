"""Unwind tables that nothing in a bundle reads are empty; those that an exception may need stay."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from granian import _granian

from djbundle.builder.core.cache import Cache
from djbundle.builder.native import elf, unwind_tables

SOURCE = """
#include <pthread.h>
int add(int a, int b) { return a + b; }
void leave(void) { pthread_exit(0); }
"""
# A thread leaves through the library's function, and the process goes on.
USE = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
assert library.add(2, 3) == 5
native = ctypes.c_ulong()
libc = ctypes.CDLL(None)
assert libc.pthread_create(ctypes.byref(native), None, library.leave, None) == 0
assert libc.pthread_join(native, None) == 0
print("goes on")
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "libplain.so"
    (tmp_path / "plain.c").write_text(SOURCE)
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", tmp_path / "plain.c", "-o", path], check=True)
    return path


def of_system(soname: str) -> Path:
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    found = re.search(rf"^\s*{re.escape(soname)} .* => (\S+)$", listed, re.MULTILINE)
    assert found, soname
    return Path(found[1])


def test_those_of_c_have_no_readers(library: Path) -> None:
    rust, unwinder, libc = Path(_granian.__file__), of_system("libgcc_s.so.1"), of_system("libc.so.6")
    files = {"plain": library, "rust": rust, "unwinder": unwinder, "libc": libc}
    assert unwind_tables.without_readers(files) == {"plain"}


def test_all_stay_where_there_is_cpp(library: Path) -> None:
    """An exception may pass through code in C, which is called by C++ and calls it."""
    assert not unwind_tables.without_readers({"plain": library, "c++": of_system("libstdc++.so.6")})


def test_a_file_with_empty_tables_runs(library: Path, tmp_path: Path) -> None:
    new = elf.slim(library, Cache(tmp_path / "cache"), unwind=False)
    assert contents(new, ".eh_frame").strip(b"\0") == contents(new, ".eh_frame_hdr").strip(b"\0") == b""
    kept = elf.slim(library, Cache(tmp_path / "cache"))
    assert contents(kept, ".eh_frame").strip(b"\0")
    assert new.stat().st_size == kept.stat().st_size
    result = subprocess.run([sys.executable, "-c", USE, new], capture_output=True, text=True, check=False)
    assert (result.stdout, result.returncode) == ("goes on\n", 0), result.stderr


def contents(path: Path, section: str) -> bytes:
    with path.open("rb") as file:
        return next(bytes(each.data()) for each in ELFFile(file).iter_sections() if each.name == section)
