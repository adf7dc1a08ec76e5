"""Shared libraries that a bundle loads from itself."""

import subprocess
from pathlib import Path

LOAD_ALL = """
import ctypes, os, threading
from pathlib import Path

dlopen = ctypes.CDLL(None).dlopen
dlopen.restype = ctypes.c_void_p
libraries = sorted(map(str, Path("/djb").rglob("*.so")))
found = [{} for _ in range(4)]
begin = threading.Barrier(len(found))


def load(handles):
    begin.wait()
    for library in libraries:
        handles[library] = dlopen(library.encode(), os.RTLD_NOW)


before = len(os.listdir("/proc/self/fd"))
threads = [threading.Thread(target=load, args=[handles]) for handles in found]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(libraries) > 5, libraries
assert all(all(handles.values()) for handles in found), "one was not loaded"
assert all(handles == found[0] for handles in found), "one was loaded twice"
assert len(os.listdir("/proc/self/fd")) <= before, "a descriptor is left open"  # fewer: of what was unpacked ahead
"""


def test_threads_that_load_libraries_at_once(small: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [small, "-c", LOAD_ALL]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env={"HOME": str(tmp_path)})
    assert result.returncode == 0, result.stderr
