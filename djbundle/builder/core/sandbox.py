"""A sandbox for one bundle: a root that has only its file, no network but loopback, its own process namespace.

It is built from Linux namespaces, as containers are, and discarded afterwards. Root may create namespaces, and other
users too where the kernel allows it (user_namespaces(7)). Where this is impossible, as in some containers, the bundle
runs unisolated. Only the data directory lies on the disk, where the build can read it afterwards.
"""

import codecs
import contextlib
import ctypes
import fcntl
import functools
import os
import pickle
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

NAMESPACES = os.CLONE_NEWNS | os.CLONE_NEWNET | os.CLONE_NEWPID | os.CLONE_NEWIPC | os.CLONE_NEWUTS
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1  # mount_setattr(2), since Linux 5.12
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h
DEVICES = ("null", "zero", "urandom", "random")
DATA = "data"

libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class SandboxPaths:
    """The paths of the bundle and its data directory, as the bundle sees them."""

    bundle: Path
    data: Path
    is_empty: bool  # whether the bundle is isolated in an empty root


class SandboxError(Exception):
    """The function that ran in the sandbox raised an exception."""


ProgressCallback = Callable[[float], None]  # the share that is done, 0 to 1


def run_in_sandbox[T](
    bundle: Path,
    work: Path,
    function: Callable[[SandboxPaths, ProgressCallback], T],
    report_progress: ProgressCallback,
) -> T:
    """Call `function` in a process inside the sandbox; return its result, or raise SandboxError.

    `function` must have imported all modules that it needs before. The data directory is ``work/data`` afterwards.
    """
    root, data = work / "root", work / DATA
    data.mkdir(mode=0o700, exist_ok=True)
    if not may_isolate():
        return function(SandboxPaths(bundle, data, is_empty=False), report_progress)
    codecs.lookup("idna")  # sockets load it lazily, which fails inside the sandbox
    root.mkdir()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        with os.fdopen(writer, "wb", buffering=0) as messages:
            _run_and_exit(messages, lambda: _isolate_and_call(bundle, root, data, function, messages))
    os.close(writer)
    with os.fdopen(reader, "rb") as messages:
        kind, value = _receive_result(messages, report_progress)
    os.waitpid(child, 0)
    if kind == "error":
        raise SandboxError(value)
    return value  # type: ignore[no-any-return]


def _receive_result(messages: BinaryIO, report_progress: ProgressCallback) -> tuple[str, Any]:
    """Return how it ended, "result" or "error", and the value. Pass progress to `report_progress` until then."""
    while True:
        try:
            kind, value = pickle.load(messages)  # noqa: S301 - of a process of ours
        except EOFError:
            return "error", "the sandbox ended without a message"
        if kind != "progress":
            return kind, value
        report_progress(value)


@functools.cache
def may_isolate() -> bool:
    """Return whether this user may create namespaces; a short-lived child process tries it."""
    child = os.fork()
    if not child:
        try:
            _unshare(NAMESPACES)
            _mount("", "/", "", MS_REC | MS_PRIVATE)
        except OSError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return status == 0


def confine_to(folder: Path) -> bool:
    """Forbid this process and its children to write outside `folder` or use the network; return whether it worked.

    Writes to the current folder are discarded when the processes exit; where the kernel cannot do that, they fail.
    """
    current = Path.cwd()
    try:
        _unshare(os.CLONE_NEWNS | os.CLONE_NEWNET)
        _mount("", "/", "", MS_REC | MS_PRIVATE)
        _mount(folder, folder, "", MS_BIND)
        _set_attributes(Path("/"), MOUNT_ATTR_RDONLY, 0)
        _set_attributes(folder, 0, MOUNT_ATTR_RDONLY)
        _bring_up_loopback()
    except OSError:
        return False
    with contextlib.suppress(OSError):
        _mount_overlay(current, folder / "covered")
    os.chdir(current)  # enter the folder again, to see the new mounts
    return True


def keep_writes_in_memory(folder: Path, scratch: Path) -> None:
    """Discard what this process and its children write in `folder` when they exit, where the kernel can do that."""
    with contextlib.suppress(OSError):
        _unshare(os.CLONE_NEWNS)
        _mount("", "/", "", MS_REC | MS_PRIVATE)
        _mount_overlay(folder, scratch / "covered")
    os.chdir(folder)  # enter the folder again, to see the new mounts


def _mount_overlay(folder: Path, scratch: Path) -> None:
    """Keep writes to `folder` in memory, with an overlay."""
    scratch.mkdir()
    _mount("tmpfs", scratch, "tmpfs", MS_NOSUID | MS_NODEV)
    for part in ("upper", "work"):
        (scratch / part).mkdir()
    _mount("overlay", folder, "overlay", 0, f"lowerdir={folder},upperdir={scratch}/upper,workdir={scratch}/work")
    os.environ["GIT_DISCOVERY_ACROSS_FILESYSTEM"] = "1"  # the repository may begin above the folder


def _run_and_exit(messages: BinaryIO, function: Callable[[], Any]) -> None:
    """Call `function`, then exit this process; report an exception to `messages`."""
    try:
        function()
    except BaseException as error:
        pickle.dump(("error", f"{type(error).__name__}: {error}"), messages)
    finally:
        os._exit(0)


def _isolate_and_call(
    bundle: Path, root: Path, data: Path, function: Callable[[SandboxPaths, ProgressCallback], Any], messages: BinaryIO
) -> None:
    _unshare(NAMESPACES)
    child = os.fork()  # PID 1 of the namespace: when it exits, the kernel kills all others
    if child:
        os.waitpid(child, 0)
        return
    _populate_root(bundle, root, data)
    os.chroot(root)
    os.chdir("/")
    paths = SandboxPaths(Path("/", bundle.name), Path("/", DATA), is_empty=True)
    result = function(paths, lambda share: pickle.dump(("progress", share), messages))
    pickle.dump(("result", result), messages)


def _unshare(namespaces: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    os.unshare(namespaces | (os.CLONE_NEWUSER if uid else 0))
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _populate_root(bundle: Path, root: Path, data: Path) -> None:
    """Set up the root like a container image made from scratch."""
    _mount("", "/", "", MS_REC | MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for folder in ("dev", "proc", DATA):
        (root / folder).mkdir()
    _bind(bundle, root / bundle.name)
    for device in DEVICES:
        _bind(Path("/dev", device), root / "dev" / device)
    (root / "dev" / "shm").mkdir()
    _mount("tmpfs", root / "dev" / "shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")  # for locks shared by processes
    _mount("proc", root / "proc", "proc", MS_NOSUID | MS_NODEV)
    _mount(data, root / DATA, "", MS_BIND)
    _mount("", root, "", MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    _bring_up_loopback()


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def _bind(source: Path, target: Path) -> None:
    target.touch()
    _mount(source, target, "", MS_BIND)


def _mount(source: str | Path, target: str | Path, kind: str, flags: int, options: str = "") -> None:
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode())
    if libc.mount(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def _set_attributes(mount_point: Path, added: int, removed: int) -> None:
    """Change attributes of the mount at `mount_point`, and of every mount below it."""
    attributes = struct.pack("4Q", added, removed, 0, 0)  # struct mount_attr
    if libc.syscall(MOUNT_SETATTR, AT_FDCWD, os.fsencode(mount_point), AT_RECURSIVE, attributes, len(attributes)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(mount_point))
