"""``djbundle diff`` tells what a new version changes."""

import json
import subprocess
from pathlib import Path

from djbundle.builder.reports.differences import Change, changes
from tests.conftest import DJBUNDLE


def diff(old: Path, new: Path, *options: str) -> str:
    command = [str(each) for each in (DJBUNDLE, "diff", old, new, *options)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_new_version(small: Path, next_small: Path) -> None:
    record = json.loads(diff(small, next_small, "--json"))
    found = {name: {each["name"]: (each["old"], each["new"]) for each in record[name]} for name in record}
    assert found["versions"]["small"][1] == "2"
    assert found["migrations"] == {"notes 0003_next": ("", "there")}
    assert found["variables"]["NEXT"] == ("", "optional")
    assert found["settings"]["signer"][1].startswith("key ")
    assert found["sizes"]["(the whole file)"] == (small.stat().st_size, next_small.stat().st_size)
    lines = diff(small, next_small).splitlines()
    assert "  notes 0003_next  - -> there" in lines
    assert lines[0] == "versions"


def test_changes() -> None:
    old, new = {"same": "1", "other": "1", "gone": "1"}, {"other": "2", "same": "1", "added": "3"}
    assert changes(old, new) == [Change("added", "", "3"), Change("gone", "1", ""), Change("other", "1", "2")]


def test_no_difference(small: Path) -> None:
    assert diff(small, small).startswith("no difference")
    assert not any(json.loads(diff(small, small, "--json")).values())
