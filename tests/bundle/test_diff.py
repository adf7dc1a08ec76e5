"""``djbundle diff`` tells what a new version changes."""

import json
import subprocess
from pathlib import Path

from tests.conftest import DJBUNDLE


def diff(old: Path, new: Path, *options: str) -> str:
    command = [str(each) for each in (DJBUNDLE, "diff", old, new, *options)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_new_version(small: Path, next_small: Path) -> None:
    record = json.loads(diff(small, next_small, "--json"))
    changes = {name: {each["name"]: (each["old"], each["new"]) for each in record[name]} for name in record}
    assert changes["versions"]["small"][1] == "2"
    assert changes["migrations"] == {"notes 0003_next": ("", "there")}
    assert changes["variables"]["NEXT"] == ("", "optional")
    assert changes["settings"]["signer"][1].startswith("key ")
    assert changes["sizes"]["(the whole file)"] == (small.stat().st_size, next_small.stat().st_size)
    lines = diff(small, next_small).splitlines()
    assert "  notes 0003_next  - -> there" in lines
    assert [line for line in lines if not line.startswith(" ")][:2] == ["versions", "packages"]


def test_packages(small: Path, shop: Path) -> None:
    record = json.loads(diff(small, shop, "--json"))
    packages = {each["name"]: (each["old"], each["new"]) for each in record["packages"]}
    assert packages["pillow"][0] == ""
    assert packages["pillow"][1]
    sizes = {each["name"]: (each["old"], each["new"]) for each in record["sizes"]}
    assert sizes["pillow"][0] == 0 < sizes["pillow"][1]


def test_no_difference(small: Path) -> None:
    assert diff(small, small).startswith("no difference")
    assert not any(json.loads(diff(small, small, "--json")).values())
