"""Folders to unpack to whose path other users can change; capabilities and set-user-id bits of the file."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.neighbours import NEIGHBOUR, Place, only_root, place_for
from tests.bundle.processes import assert_refused, tree_of
from tests.support.customer import Customer
from tests.support.site import Site, bare_environment

pytestmark = only_root
BIND = "import socket; s = socket.socket(); s.bind(('127.0.0.1', {port})); print(s.getsockname()[1])"


@pytest.fixture
def place(small: Path) -> Iterator[Place]:
    with place_for(small) as place:
        yield place


def unpack(place: Place, folder: object, **options: object) -> "subprocess.CompletedProcess[str]":
    """Start the bundle as root, and have it run from a tree on disk."""
    command = [place.bundle, "--extract", folder, "version", "--data-dir", place.data]
    return subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


def open_above(folder: Path) -> Path:
    (folder / "open" / "inner").mkdir(parents=True)
    (folder / "open").chmod(0o777)
    return folder / "open" / "inner"


def group_above(folder: Path) -> Path:
    (folder / "group" / "inner").mkdir(parents=True)
    shutil.chown(folder / "group", 0, "nogroup")  # a group without members
    (folder / "group").chmod(0o770)
    return folder / "group" / "inner"


def strangers_above(folder: Path) -> Path:
    (folder / "home" / "inner").mkdir(parents=True)
    os.chown(folder / "home", NEIGHBOUR, NEIGHBOUR)
    return folder / "home" / "inner"


def strangers_own(folder: Path) -> Path:
    (folder / "sticky" / "inner").mkdir(parents=True)
    (folder / "sticky").chmod(0o1777)
    os.chown(folder / "sticky" / "inner", NEIGHBOUR, NEIGHBOUR)
    return folder / "sticky" / "inner"


def strangers_link(folder: Path) -> Path:
    (folder / "sticky").mkdir()
    (folder / "sticky").chmod(0o1777)
    (folder / "target").mkdir()
    link = folder / "sticky" / "link"
    link.symlink_to("../target")
    os.chown(link, NEIGHBOUR, NEIGHBOUR, follow_symlinks=False)
    return link


def link_to_the_open(folder: Path) -> Path:
    inner = open_above(folder)
    (folder / "own").symlink_to(inner)
    return folder / "own"


def dots(folder: Path) -> Path:
    return open_above(folder) / ".." / "other"


WAYS = [open_above, group_above, strangers_above, strangers_own, strangers_link, link_to_the_open, dots]


@pytest.mark.parametrize("make", WAYS)
def test_ways_that_others_may_change(place: Place, make: Callable[[Path], Path]) -> None:
    folder = make(place.folder)
    before = sorted(place.folder.rglob("*"))
    assert_refused(unpack(place, folder / "tree"), 62, str(folder / "tree"))
    relative = os.path.relpath(folder / "tree", place.folder / "opt")
    assert unpack(place, relative, cwd=place.folder / "opt").returncode == 62
    inside = place.site().run("extract", str(folder / "inside"), check=False)
    assert_refused(inside, 49, "is not safe")
    assert sorted(place.folder.rglob("*")) == before


def test_ways_that_are_safe(place: Place) -> None:
    """Root's links, a sticky folder and folders that do not exist yet are safe; the tree is where the path leads."""
    sticky = place.folder / "sticky"
    sticky.mkdir()
    sticky.chmod(0o1777)
    (place.folder / "own").mkdir()
    (place.folder / "link").symlink_to("own/../own")
    for folder in (sticky / "new" / "tree", place.folder / "link" / "tree", Path("own/./tree")):
        assert unpack(place, folder, cwd=place.folder).returncode == 0
        assert len([*(place.folder / folder).iterdir()]) == 1
    assert place.site().run("extract", str(sticky / "inside")).returncode == 0


# --- capabilities of the file ---


@pytest.fixture
def capable(place: Place) -> Place:
    """Allow the bundle to bind ports below 1024, whichever user starts it."""
    command: list[str | Path] = ["setcap", "cap_net_bind_service=+ep", place.bundle]
    if not shutil.which("setcap") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("setcap is not here, or not allowed")
    return place


def test_capability_of_the_file(capable: Place) -> None:
    """The bundle has the capability of its file, and loads nothing that a variable names."""
    port = free_low_port()
    loaded = capable.as_neighbour(
        "env",
        "LD_PRELOAD=/nowhere.so",
        capable.bundle,
        "shell",
        "-v0",
        "-c",
        BIND.format(port=port),
        "--data-dir",
        capable.data,
    )
    assert (loaded.stdout.strip(), loaded.stderr) == (str(port), "")


def test_serving_with_a_capability(capable: Place) -> None:
    """Child processes, the status and restarted children need more than a single process does."""
    wrapper = capable.folder / "as-neighbour"
    words = f"setpriv --reuid={NEIGHBOUR} --regid={NEIGHBOUR} --clear-groups {capable.bundle}"
    wrapper.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    wrapper.chmod(0o755)
    site = Site(wrapper, capable.data, bare_environment(), "--bind", f"127.0.0.1:{free_low_port()}")
    with site:
        assert Customer(site.url).get("/").status == 200
        assert site.status()["processes"]
        assert {uid for each in tree_of(site) for uid in each.uids()} == {NEIGHBOUR}


@pytest.mark.parametrize("mode", [0o4755, 0o2755])
def test_rights_of_the_owner_of_the_file(place: Place, mode: int) -> None:
    """Otherwise every user could become root with ``shell -c``."""
    if mode == 0o2755:
        os.chown(place.bundle, 0, 1)
    place.bundle.chmod(mode)
    refused = place.as_neighbour(place.bundle, "version", "--data-dir", place.data)
    assert_refused(refused, 65, "does not run with the rights of its file's owner")


def free_low_port() -> int:
    """Return a free port below 1024, and above those of well-known services."""
    taken = {int(line.split()[1].rpartition(":")[2], 16) for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
    return next(port for port in range(1023, 600, -1) if port not in taken)
