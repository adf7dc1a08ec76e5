"""Debian's own Python, in Debian 13: GeoDjango with SpatiaLite is built there, and runs here."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.test_geo import ADD, RECIPE
from tests.support.customer import Customer
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.wheel import make_environment, run

MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    *("python3", "python3-venv", "python3-dev", "gcc", "libc6-dev", "binutils"),
    *("libsqlite3-mod-spatialite", "libgdal36"),
)
BUILD = """
set -e
mount -t proc proc /proc
python3 -m venv /environment
/environment/bin/pip install --quiet --no-index --find-links /wheels django djbundle
/environment/bin/djbundle build /geo --output /bundle/geo
"""
VERSIONS = """
from django.db import connection
cursor = connection.cursor()
cursor.execute("SELECT spatialite_version(), sqlite_version()")
print(*cursor.fetchone())
"""


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("debian")
    root = folder / "root"
    include = f"--include={','.join(PACKAGES)}"
    run("debootstrap", "--variant=minbase", include, "trixie", root, MIRROR)
    # Wheels are made here, so that the new root needs no network.
    pip = make_environment(folder / "pip", "3.13", "pip") / "pip"
    run(pip, "wheel", "--quiet", "--wheel-dir", root / "wheels", wheel, "django")
    project, _ = RECIPE.make(folder)
    shutil.copytree(project, root / "geo")
    enter: list[str | Path] = ["unshare", "--mount", "chroot", root]
    subprocess.run([*enter, "sh", "-c", BUILD], env={"PATH": "/usr/bin:/usr/sbin", "HOME": "/root"}, check=True)
    site = Site(copy_bundle(root / "bundle" / "geo", folder / "server"), folder / "data", bare_environment())
    site.run("migrate")
    site.shell(ADD)
    with site:
        yield site


def test_distances_are_counted_by_spatialite(visitor: Customer) -> None:
    assert list(json.loads(visitor.get("/near").text).items()) == [("Paris", 877), ("Rome", 1181)]


def test_version_of_sqlite(site: Site) -> None:
    """Debian's own SQLite is too old; SpatiaLite's functions work in the bundle's."""
    spatialite, sqlite = site.shell(VERSIONS).split()
    assert spatialite.startswith("5.")
    assert tuple(map(int, sqlite.split("."))) >= (3, 51, 3)
