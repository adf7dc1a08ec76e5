"""Environment variables of the settings: reported, required, masked, and never in the bundle."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.bundle.processes import assert_refused
from tests.conftest import CANARY
from tests.support.site import Site, bare_environment


@pytest.fixture
def site(streaming: Path, tmp_path: Path) -> Site:
    return Site(streaming, tmp_path / "data", bare_environment(STREAMING_TOKEN="hush-hush", STREAMING_PASSWORD="psst"))


def test_value_given_to_the_build_is_in_no_file_of_the_bundle(site: Site, streaming: Path, tmp_path: Path) -> None:
    site.run("extract", str(tmp_path / "tree"))
    files = [path for path in (tmp_path / "tree").rglob("*") if path.is_file()]
    assert len(files) > 1000
    for encoding in ("utf-8", "utf-16-le", "utf-32-le"):  # as C and as Python may store it
        canary = CANARY.encode(encoding)
        assert [path for path in [streaming, *files] if canary in path.read_bytes()] == []


def test_config_tells_and_masks(site: Site) -> None:
    variables = {each["name"]: each for each in json.loads(site.run("config", "--json").stdout)["variables"]}
    assert {name: each["needed"] for name, each in variables.items()} == {
        "STREAMING_TOKEN": True,
        "STREAMING_PASSWORD": False,
    }
    assert variables["STREAMING_TOKEN"]["place"].startswith("streaming/settings.py:")
    shown = site.run("config").stdout
    assert "STREAMING_TOKEN" in shown
    assert "hush-hush" not in shown
    assert "psst" not in shown


def test_file_of_variables_is_read_from_the_data_directory(site: Site) -> None:
    """The settings look for it beside manage.py, where a bundle has no files."""
    del site.environment["STREAMING_TOKEN"]
    site.data.mkdir()
    (site.data / ".env").write_text("STREAMING_TOKEN=out of a file\n")
    assert site.shell("from django.conf import settings; print(settings.TOKEN)") == "out of a file"
    code = "import django; django.setup(); from django.conf import settings; print(settings.TOKEN)"
    environment = {"DJANGO_SETTINGS_MODULE": "streaming.settings", "DJBUNDLE_DATA_DIR": str(site.data)}
    done = subprocess.run([site.bundle, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "out of a file\n"


def test_start_without_what_is_needed(site: Site) -> None:
    del site.environment["STREAMING_TOKEN"]
    for command in ("serve", "check"):
        result = site.run(command, check=False)
        assert_refused(result, 13, "the settings need the environment variable STREAMING_TOKEN (streaming/settings.py:")
