"""Calls on the files of a tree. They are made in a bundle and on disk, and must give the same results.

Run as ``PYTHON calls.py ROOT SCRATCH``: prints one JSON object, which maps each call's description to its result.
The tree is that of conftest.py's `odd`. Results contain no time, owner or inode number, since these may differ.
"""

import contextlib
import ctypes
import errno
import glob
import json
import mmap
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

if "_files" in sys.builtin_module_names:  # a file system knows no project whose files are looked for elsewhere
    import _files  # type: ignore[import-not-found]

    _files.show_project(b"/djb", b"")

ROOT, SCRATCH = sys.argv[1:3]
ODD = f"{ROOT}/odd"
LONG = "n" * 255

PATHS = [
    *(ROOT, f"{ROOT}/", f"{ROOT}//odd", f"{ROOT}/.", f"{ROOT}/./odd/.", f"{ROOT}/odd/..", f"{ROOT}/../{ROOT[1:]}/odd"),
    *(f"/etc/..{ROOT}/odd", f"/tmp/../..{ROOT}/odd/file.txt", f"/{ODD}/file.txt"),
    *(ODD, f"{ODD}/file.txt", f"{ODD}/empty", f"{ODD}/folder", f"{ODD}/folder/", f"{ODD}/folder/inner/deep.txt"),
    *(
        f"{ODD}/file.txt/",
        f"{ODD}/file.txt/x",
        f"{ODD}/file.txt/..",
        f"{ODD}/file.txt/../file.txt",
        f"{ODD}/file.txt/.",
    ),
    *(f"{ODD}/missing", f"{ODD}/missing/", f"{ODD}/missing/x", f"{ODD}/missing/../file.txt", f"{ODD}/folder/missing"),
    *(
        f"{ODD}/to-file",
        f"{ODD}/to-folder",
        f"{ODD}/to-folder/",
        f"{ODD}/to-folder/deep.txt",
        f"{ODD}/to-folder/../up.txt",
    ),
    *(f"{ODD}/to-file/", f"{ODD}/folder/up", f"{ODD}/folder/up/file.txt", f"{ODD}/dangling", f"{ODD}/dangling/x"),
    *(f"{ODD}/loop", f"{ODD}/loop/x", f"{ODD}/chain-9", f"{ODD}/chain-39", f"{ODD}/chain-40", f"{ODD}/chain-49"),
    *(f"{ODD}/{LONG}", f"{ODD}/{LONG}n", f"{ODD}/ünïcode/ß.txt", f"{ODD}/with space", f"{ODD}/.hidden"),
    *(f"{ODD}/program", f"{ODD}/large.bin", f"{ODD}/folder\0", f"{ROOT}/odd/folder/../../odd/./folder//inner/deep.txt"),
    *(f"{ROOT}{'/odd/..' * 400}", f"{ROOT}{'/odd/..' * 700}", f"{ROOT}{'/.' * 2040}"),
]
# Paths outside the tree, where nothing may be changed.
OUTSIDE = [
    f"{ROOT}/..",
    f"{ROOT}/../etc/hostname",
    f"{ROOT}/odd/../../etc",
    "",
    f"{ROOT}x",
    f"{ROOT[:-1]}",
    "/etc/hostname",
]


def answer(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error.errno))
    except (ValueError, UnicodeError, OverflowError, RuntimeError, shutil.Error) as error:
        return type(error).__name__


def shown(text: str) -> str:
    return text.replace(ROOT, "ROOT").replace(SCRATCH, "SCRATCH").replace(ROOT[1:], "ROOT")


def facts(status: os.stat_result) -> list[object]:
    kind = stat.S_IFMT(status.st_mode)
    is_file = kind == stat.S_IFREG
    return [kind, status.st_size if kind != stat.S_IFDIR else 0, bool(status.st_mode & 0o100) if is_file else None]


def facts_by(call: Callable[..., os.stat_result], name: str, **options: Any) -> list[object]:
    return facts(call(name, **options))


def read(descriptor: int) -> str:
    with open(descriptor, "rb") as file:
        return digest(file.read())


def digest(data: bytes) -> str:
    return f"{len(data)}:{data[:20].hex()}:{sum(data)}"


def scan(path: Any) -> list[list[Any]]:
    with os.scandir(path) as entries:
        return sorted(
            [entry.name, entry.is_dir(), entry.is_file(), entry.is_symlink(), entry.is_dir(follow_symlinks=False)]
            for entry in entries
        )


def with_folder(path: str, use: Callable[[int], Any]) -> Any:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return use(folder)
    finally:
        os.close(folder)


def open_with(path: str, flags: int, **options: Any) -> Any:
    descriptor = os.open(path, flags, **options)
    try:
        return facts(os.fstat(descriptor))
    finally:
        os.close(descriptor)


OPEN_FLAGS = {
    "read": os.O_RDONLY,
    "write": os.O_WRONLY,
    "both": os.O_RDWR,
    "append": os.O_WRONLY | os.O_APPEND,
    "create": os.O_RDONLY | os.O_CREAT,
    "create write": os.O_WRONLY | os.O_CREAT,
    "exclusive": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "truncate": os.O_RDONLY | os.O_TRUNC,
    "folder": os.O_RDONLY | os.O_DIRECTORY,
    "folder write": os.O_RDWR | os.O_DIRECTORY,
    "no link": os.O_RDONLY | os.O_NOFOLLOW,
    "path": os.O_PATH,
    "nonblocking": os.O_RDONLY | os.O_NONBLOCK,
    "temporary": os.O_TMPFILE | os.O_RDWR,
}


def questions(path: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield calls that change nothing, wherever the path leads."""
    yield "stat", lambda: facts(os.stat(path))
    yield "lstat", lambda: facts(os.lstat(path))
    for name, mode in (
        ("there", os.F_OK),
        ("read", os.R_OK),
        ("write", os.W_OK),
        ("run", os.X_OK),
        ("all", 7),
        ("bad", 8),
    ):
        yield f"access {name}", partial(os.access, path, mode)
    for name in ("read", "folder", "no link", "path", "nonblocking"):
        yield f"open {name}", partial(open_with, path, OPEN_FLAGS[name])
    yield "file", lambda: open_file(path, "rb")
    yield "listdir", lambda: sorted(os.listdir(path))
    yield "scandir", lambda: scan(path)
    yield "readlink", lambda: shown(os.readlink(path))
    yield "realpath", lambda: shown(os.path.realpath(path))
    yield "realpath strict", lambda: shown(os.path.realpath(path, strict=True))
    if len(path) < os.pathconf("/", "PC_PATH_MAX"):  # libc's own function accepts longer paths too
        yield "libc realpath", lambda: libc_realpath(path)
    yield (
        "tests",
        lambda: [
            test(path) for test in (os.path.exists, os.path.lexists, os.path.isfile, os.path.isdir, os.path.islink)
        ],
    )
    yield "listxattr", lambda: os.listxattr(path)
    yield "statvfs", lambda: os.statvfs(path).f_namemax
    yield "chdir", lambda: in_folder(path)


def changes(path: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield calls that would change something, and are refused."""
    for name, flags in OPEN_FLAGS.items():
        yield f"open {name}", partial(open_with, path, flags)
    for mode in ("wb", "ab", "xb", "r+b"):
        yield f"file {mode}", partial(open_file, path, mode)
    yield "mkdir", lambda: os.mkdir(path)
    yield "makedirs", lambda: os.makedirs(path, exist_ok=True)
    yield "rmdir", lambda: os.rmdir(path)
    yield "unlink", lambda: os.unlink(path)
    yield "chmod", lambda: os.chmod(path, 0o600)
    yield "chown", lambda: os.chown(path, 0, 0)
    yield "lchown", lambda: os.lchown(path, 0, 0)
    yield "utime", lambda: os.utime(path)
    yield "utime no link", lambda: os.utime(path, follow_symlinks=False)
    yield "truncate", lambda: os.truncate(path, 0)
    yield "mkfifo", lambda: os.mkfifo(path)
    yield "mknod", lambda: os.mknod(path)
    yield "symlink", lambda: os.symlink("x", path)
    yield "setxattr", lambda: os.setxattr(path, "user.x", b"")
    yield "read-only", lambda: bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    if os.path.normpath(path) == ROOT:
        return  # the mount points of the two differ
    yield "rename in", lambda: os.rename(path, f"{ODD}/new")
    yield "rename out", lambda: os.rename(path, f"{SCRATCH}/new")
    yield "rename onto", lambda: os.rename(f"{SCRATCH}/own", path)
    yield "link", lambda: os.link(path, f"{ODD}/new")
    yield "link out", lambda: os.link(path, f"{SCRATCH}/new")
    yield "link onto", lambda: os.link(f"{SCRATCH}/own", path)


def open_file(path: str, mode: str) -> str:
    with open(path, mode) as file:
        return digest(file.read())


def libc_realpath(path: str) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.realpath.restype = ctypes.c_char_p
    if "\0" in path:
        raise ValueError
    resolved = libc.realpath(path.encode(), None)
    if resolved is None:
        raise OSError(ctypes.get_errno(), "")
    return shown(resolved.decode())


def in_folder(path: str) -> list[object]:
    """Use relative paths, from a working folder in the tree."""
    before = os.getcwd()
    names = ("file.txt", "odd", "../odd", "..", "inner/deep.txt")
    os.chdir(path)
    try:
        return [
            shown(os.getcwd()),
            sorted(os.listdir()),
            [answer(partial(facts_by, os.stat, name)) for name in names],
            answer(lambda: facts(os.stat("../../../../../etc/hostname"))),
            answer(lambda: open_with("../odd/file.txt", os.O_RDONLY)),
            answer(lambda: shown(os.path.realpath("../odd/to-file"))),
            answer(lambda: os.mkdir("new")) if path in PATHS else None,
        ]
    finally:
        os.chdir(before)


def single_calls() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield calls that need more than a path."""
    yield "read small", lambda: digest(Path(f"{ODD}/file.txt").read_bytes())
    yield "read large", lambda: digest(Path(f"{ODD}/large.bin").read_bytes())
    yield "positions are independent", positions
    yield "the same file", lambda: os.path.samefile(f"{ODD}/file.txt", f"{ODD}/to-file")
    yield "another file", lambda: os.path.samefile(f"{ODD}/file.txt", f"{ODD}/copy.txt")
    yield "fstat is stat", fstat_is_stat
    yield "walk", lambda: sorted([shown(top), sorted(folders), sorted(files)] for top, folders, files in os.walk(ODD))
    yield "walk links", lambda: sorted(shown(top) for top, *_ in os.walk(f"{ODD}/folder", followlinks=False))
    yield "fwalk", lambda: sorted([shown(top), sorted(files)] for top, _, files, _ in os.fwalk(ODD))
    yield "glob", lambda: sorted(map(shown, glob.glob(f"{ODD}/**/*.txt", recursive=True, include_hidden=True)))
    yield "libc glob", lambda: libc_glob(f"{ODD}/*/*.txt")
    yield "pathlib", lambda: sorted(shown(str(path)) for path in Path(ODD).rglob("*"))
    yield "pathlib resolve", lambda: shown(str(Path(f"{ODD}/to-folder/../folder/up").resolve()))
    yield "copytree", copy_tree
    yield "copytree with links", lambda: copy_tree(symlinks=True)
    for copy in (shutil.copy, shutil.copy2, shutil.copyfile):
        yield copy.__name__, partial(copied, copy)
    yield "copy into", lambda: shutil.copy(f"{SCRATCH}/own", f"{ODD}/new")
    yield "move", lambda: shutil.move(f"{ODD}/file.txt", f"{SCRATCH}/moved")
    yield "rmtree", lambda: shutil.rmtree(f"{ODD}/folder")
    yield "mmap", lambda: with_map(mmap.ACCESS_READ)
    yield "mmap to copy", lambda: with_map(mmap.ACCESS_COPY)
    yield "mmap to write", lambda: with_map(mmap.ACCESS_WRITE)
    yield "sendfile", sendfile
    yield "write to a descriptor", lambda: on_descriptor(lambda descriptor: os.write(descriptor, b"x"))
    yield "truncate a descriptor", lambda: on_descriptor(lambda descriptor: os.ftruncate(descriptor, 0))
    yield "chmod a descriptor", lambda: on_descriptor(lambda descriptor: os.fchmod(descriptor, 0o600))
    yield "touch a descriptor", lambda: on_descriptor(os.utime)
    yield (
        "seek",
        lambda: on_descriptor(lambda descriptor: [os.lseek(descriptor, -5, os.SEEK_END), os.read(descriptor, 9).hex()]),
    )
    yield "duplicate", lambda: on_descriptor(lambda descriptor: read(os.dup(descriptor)))
    yield "temporary file", lambda: tempfile.mkstemp(dir=ODD)
    yield "zip file", lambda: zipfile.ZipFile(f"{ODD}/archive.zip").read("inside.txt").decode()
    yield "database", lambda: read_database(f"file:{ODD}/data.sq3?mode=ro")
    yield "database to write", write_database
    yield "threads", read_in_threads
    yield "fork", read_in_child
    yield "descriptors closed by others", close_all
    yield "many open", many_open
    yield (
        "program",
        lambda: subprocess.run([f"{ODD}/program", "a b"], check=True, capture_output=True, text=True).stdout,
    )
    yield "no program", lambda: subprocess.run([f"{ODD}/file.txt"], check=False)
    yield "folder descriptor", lambda: with_folder(ODD, in_folder_descriptor)
    yield "fchdir", lambda: with_folder(f"{ODD}/folder", fchdir)
    yield "bytes", lambda: [name.hex() for name in sorted(os.listdir(os.fsencode(ODD))) if len(name) < 100]
    yield "package data", lambda: resources.files("notes").joinpath("words.txt").read_text()
    yield (
        "file on a file descriptor path",
        lambda: on_descriptor(lambda descriptor: open_file(f"/proc/self/fd/{descriptor}", "rb")),
    )


def positions() -> list[str]:
    one, two = (os.open(f"{ODD}/file.txt", os.O_RDONLY) for _ in range(2))
    first = os.read(one, 3)
    return [first.decode(), read(two), read(one)]


def fstat_is_stat() -> list[bool]:
    answers = []
    for name in ("file.txt", "folder", "large.bin", "to-file"):
        path = f"{ODD}/{name}"
        flags = os.O_RDONLY
        descriptor = os.open(path, flags)
        same = os.fstat(descriptor), os.stat(path), os.stat(descriptor)
        answers.append(len({(one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_mode) for one in same}) == 1)
        os.close(descriptor)
    return answers


def libc_glob(pattern: str) -> list[str]:
    class Result(ctypes.Structure):
        _fields_ = [
            ("count", ctypes.c_size_t),
            ("paths", ctypes.POINTER(ctypes.c_char_p)),
            ("rest", ctypes.c_char * 56),
        ]

    libc, result = ctypes.CDLL(None), Result()
    assert libc.glob(pattern.encode(), 0, None, ctypes.byref(result)) == 0
    paths = [shown(result.paths[number].decode()) for number in range(result.count)]
    libc.globfree(ctypes.byref(result))
    return sorted(paths)


def copied(copy: Callable[[str, str], str]) -> str:
    return digest(Path(copy(f"{ODD}/large.bin", f"{SCRATCH}/copied")).read_bytes())


def copy_tree(symlinks: bool = False) -> list[str]:
    target = Path(tempfile.mkdtemp(dir=SCRATCH))
    errors = answer(lambda: str(shutil.copytree(f"{ODD}/folder", target / "copy", symlinks=symlinks) and ""))
    return [errors, *sorted(str(path.relative_to(target)) for path in target.rglob("*"))]


def with_map(access: int) -> str:
    with open(f"{ODD}/large.bin", "rb") as file, mmap.mmap(file.fileno(), 0, access=access) as mapped:
        return digest(mapped[:])


def sendfile() -> str:
    with open(f"{ODD}/large.bin", "rb") as source, open(f"{SCRATCH}/sent", "wb") as target:
        size = os.fstat(source.fileno()).st_size
        sent = 0
        while sent < size:
            sent += os.sendfile(target.fileno(), source.fileno(), sent, size - sent)
    return digest(Path(f"{SCRATCH}/sent").read_bytes())


def on_descriptor(use: Callable[[int], Any]) -> Any:
    descriptor = os.open(f"{ODD}/file.txt", os.O_RDONLY)
    try:
        return use(descriptor)
    finally:
        os.close(descriptor)


def read_database(name: str) -> list[Any]:
    connection = sqlite3.connect(name, uri=True)
    try:
        return connection.execute("SELECT * FROM numbers").fetchall()
    finally:
        connection.close()


def write_database() -> str:
    connection = sqlite3.connect(f"{ODD}/data.sq3")
    try:
        connection.execute("INSERT INTO numbers VALUES (4)")
    except sqlite3.OperationalError as error:
        return str(error)
    finally:
        connection.close()
    return "written"


def read_in_threads() -> list[str]:
    digests: set[str] = set()
    names = ("file.txt", "large.bin", "folder/inner/deep.txt", "copy.txt")

    def work() -> None:
        for _ in range(50):
            digests.update(f"{name} {digest(Path(f'{ODD}/{name}').read_bytes())}" for name in names)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(digests)


def read_in_child() -> list[str]:
    before = os.open(f"{ODD}/file.txt", os.O_RDONLY)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        outcome = [read(before), digest(Path(f"{ODD}/copy.txt").read_bytes()), min(os.listdir(ODD))]
        os.write(writer, json.dumps(outcome).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return [str(each) for each in json.loads(os.read(reader, 4096))]


def close_all() -> list[str]:
    """Close all descriptors as a daemon does. New descriptors may then get the numbers that were ours."""
    names = [f"{ODD}/file.txt", f"{ODD}/copy.txt", f"{ODD}/large.bin"]
    before = [digest(Path(name).read_bytes()) for name in names]
    child = os.fork()
    if not child:
        os.closerange(3, 1000)
        for _ in range(200):
            os.open("/dev/zero", os.O_RDONLY)
        after = [digest(Path(name).read_bytes()) for name in names]
        os._exit(int(after != before))
    return [*before, str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))]


def many_open() -> int:
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(f"{ODD}/file.txt", "rb")) for _ in range(300)]
        return len({file.read() for file in files})


def in_folder_descriptor(folder: int) -> list[Any]:
    return [
        sorted(os.listdir(folder)),
        scan(folder),
        [answer(partial(facts_by, os.stat, name, dir_fd=folder)) for name in ("file.txt", "..", "to-file", "nope", "")],
        [answer(partial(facts_by, os.lstat, name, dir_fd=folder)) for name in ("to-file", "dangling")],
        answer(lambda: open_with("folder/inner/deep.txt", os.O_RDONLY, dir_fd=folder)),
        answer(lambda: open_with("new", os.O_CREAT | os.O_WRONLY, dir_fd=folder)),
        answer(lambda: shown(os.readlink("to-file", dir_fd=folder))),
        [os.access(name, os.R_OK, dir_fd=folder) for name in ("file.txt", "nope", "../odd")],
        [answer(partial(call, "new", dir_fd=folder)) for call in (os.mkdir, os.unlink, os.rmdir, os.mkfifo)],
        answer(lambda: os.rename("file.txt", "new", src_dir_fd=folder, dst_dir_fd=folder)),
        answer(lambda: os.symlink("x", "new", dir_fd=folder)),
        answer(lambda: os.link("file.txt", "new", src_dir_fd=folder, dst_dir_fd=folder)),
        facts(os.fstat(folder)),
        answer(lambda: facts(os.stat("/etc/hostname", dir_fd=folder))),
        answer(lambda: facts(os.stat("../../etc/hostname", dir_fd=folder))),
    ]


def fchdir(folder: int) -> list[Any]:
    before = os.getcwd()
    os.fchdir(folder)
    try:
        return [shown(os.getcwd()), sorted(os.listdir()), facts(os.stat("inner"))]
    finally:
        os.chdir(before)


def main() -> None:
    os.chdir(SCRATCH)
    answers = {}
    for path in (*PATHS, *OUTSIDE):
        for name, call in (*questions(path), *(changes(path) if path in PATHS else ())):
            Path(f"{SCRATCH}/own").write_text("own")
            answers[f"{name}({shown(path)[:60]}{len(path)})"] = answer(call)
    for name, call in single_calls():
        answers[name] = answer(call)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
