"""An empty machine for one bundle: a root with nothing in it but that file, no network but loopback, its own processes.

Made of Linux namespaces, as containers are, and thrown away afterwards. Root may make them, and other users where the
kernel lets them (user_namespaces(7)); where nobody may, as in some containers, the bundle runs beside everything else.
"""

import codecs
import ctypes
import fcntl
import os
import pickle
import socket
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMESPACES = os.CLONE_NEWNS | os.CLONE_NEWNET | os.CLONE_NEWPID | os.CLONE_NEWIPC | os.CLONE_NEWUTS
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h
DEVICES = ("null", "zero", "urandom", "random")
DATA = "data"

libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bundle runs, as it sees it."""

    bundle: Path
    data: Path
    is_empty: bool  # there is nothing else


class SandboxError(Exception):
    """What was run in it has raised this."""


def run_in_sandbox[T](bundle: Path, work: Path, visit: Callable[[Place], T]) -> T:
    """Call `visit` there, in a process of its own; its answer, or SandboxError. It must have imported what it needs."""
    if not may_isolate():
        with tempfile.TemporaryDirectory(dir=work) as data:
            return visit(Place(bundle, Path(data), is_empty=False))
    codecs.lookup("idna")  # of sockets, which would load it when nothing can be loaded any more
    root = work / "root"
    root.mkdir()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _become(writer, lambda: _isolate_and_visit(bundle, root, visit, writer))
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        content = answer.read()
    os.waitpid(child, 0)
    if not content:
        raise SandboxError("the sandbox ended without a word")
    kind, value = pickle.loads(content)  # noqa: S301 - of a process of ours
    if kind == "error":
        raise SandboxError(value)
    return value  # type: ignore[no-any-return]


def may_isolate() -> bool:
    """Whether this user may make namespaces here; tried in a process that is gone afterwards."""
    child = os.fork()
    if not child:
        try:
            _unshare()
            _mount("", "/", "", MS_REC | MS_PRIVATE)
        except OSError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return status == 0


def _become(writer: int, work: Callable[[], Any]) -> None:
    """Do it, and end this process; an error is told."""
    try:
        work()
    except BaseException as error:
        os.write(writer, pickle.dumps(("error", f"{type(error).__name__}: {error}")))
    finally:
        os._exit(0)


def _isolate_and_visit(bundle: Path, root: Path, visit: Callable[[Place], Any], writer: int) -> None:
    _unshare()
    child = os.fork()  # the first process of its namespace: when it ends, the kernel kills all others
    if child:
        os.waitpid(child, 0)
        return
    _furnish(bundle, root)
    os.chroot(root)
    os.chdir("/")
    answer = visit(Place(Path("/", bundle.name), Path("/", DATA), is_empty=True))
    os.write(writer, pickle.dumps(("answer", answer)))


def _unshare() -> None:
    uid, gid = os.geteuid(), os.getegid()
    os.unshare(NAMESPACES | (os.CLONE_NEWUSER if uid else 0))
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _furnish(bundle: Path, root: Path) -> None:
    """What a container has that is made of nothing."""
    _mount("", "/", "", MS_REC | MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for folder in ("dev", "proc", DATA):
        (root / folder).mkdir()
    _bind(bundle, root / bundle.name)
    for device in DEVICES:
        _bind(Path("/dev", device), root / "dev" / device)
    _mount("proc", root / "proc", "proc", MS_NOSUID | MS_NODEV)
    _mount("tmpfs", root / DATA, "tmpfs", MS_NOSUID | MS_NODEV, "mode=700")
    _mount("", root, "", MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def _bind(source: Path, target: Path) -> None:
    target.touch()
    _mount(source, target, "", MS_BIND)


def _mount(source: str | Path, target: str | Path, kind: str, flags: int, options: str = "") -> None:
    words = (os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode())
    if libc.mount(*words):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))
