"""GeoDjango with PostGIS: GDAL, GEOS and PROJ of the system, with a hundred libraries that they need."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.postgres import temporary_postgres
from tests.support.site import Site

RECIPE = Recipe(
    "geo",
    ("django", "psycopg[binary]"),
    starts=("django-admin startproject geo .",),
    settings="geo/settings.py",
    pages=("/admin/login/",),
)
ADD = """
from django.contrib.gis.geos import Point
from places.models import Place
for name, longitude, latitude in (("Rome", 12.5, 41.9), ("Paris", 2.35, 48.85)):
    Place.objects.create(name=name, at=Point(longitude, latitude, srid=4326))
"""
GAUSS_KRUEGER = """
from django.contrib.gis.gdal import SpatialReference
from django.contrib.gis.geos import Point
print(round(Point(2.35, 48.85, srid=4326).transform(31467, clone=True).x), SpatialReference(3857).name)
"""
HIDDEN = ("/usr/share/proj", "/usr/share/gdal", "/usr/lib/x86_64-linux-gnu")  # other programs need the last one


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with temporary_postgres() as server:
        server.create_database("geo")
        recipe = replace(RECIPE, environment={"PGHOST": server.host, "PGUSER": server.owner}, mounts=(server.host,))
        with recipe.site(tmp_path_factory.mktemp(recipe.name)) as site:
            site.shell(ADD)
            yield site


def test_distances_are_counted_by_the_database(visitor: Customer) -> None:
    assert list(json.loads(visitor.get("/near").text).items()) == [("Paris", 877), ("Rome", 1181)]


def test_features(visitor: Customer) -> None:
    features = json.loads(visitor.get("/features").text)["features"]
    assert features[0]["geometry"] == {"type": "Point", "coordinates": [12.5, 41.9]}


def test_map_of_the_admin(admin: Customer) -> None:
    page = admin.get("/admin/places/place/add/").text
    assert "OLMapWidget" in page


def test_neither_libraries_nor_data_of_the_machine_are_needed(site: Site, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    hide = "".join(f"mount --bind {empty} {folder}\n" for folder in HIDDEN if Path(folder).is_dir())
    script = tmp_path / "hide"
    script.write_text(f'{hide}exec "$@"\n')
    command: list[str | Path] = ["unshare", "--mount", "bash", script, site.bundle, "shell", "-v0", "-c", GAUSS_KRUEGER]
    environment = {"PATH": os.environ["PATH"], **site.environment}
    result = subprocess.run(
        [*command, "--data-dir", tmp_path], env=environment, capture_output=True, text=True, check=False
    )
    assert result.stdout.split() == ["3012171", "WGS", "84", "/", "Pseudo-Mercator"], result.stderr
