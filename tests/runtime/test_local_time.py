"""Local time is that of the settings, also where the machine has no time zones."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from djbundle.runtime.core.local_time import rule_of

ZONES = Path(str(files("tzdata") / "zoneinfo"))
SCRIPT = """\
import os, time
from datetime import datetime
from pathlib import Path
from djbundle.runtime.core.local_time import find_zones
if {found}:
    find_zones(Path("{zones}"))
    find_zones(Path("{zones}"))
hours = []
for zone in ("America/New_York", "Asia/Kolkata", "UTC", "America/New_York"):
    os.environ["TZ"] = zone
    time.tzset()
    hours.append(datetime.fromtimestamp(1_800_000_000).astimezone().utcoffset().total_seconds() / 3600)
print(hours, os.environ["TZ"], time.strftime("%H:%M", time.localtime(1_800_000_000)))
"""


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (True, "[-5.0, 5.5, 0.0, -5.0] America/New_York 03:00"),
        (False, "[0.0, 0.0, 0.0, 0.0] America/New_York 08:00"),
    ],
)
def test_zones_of_the_bundle_where_the_machine_has_none(found: bool, expected: str) -> None:
    command = [sys.executable, "-c", SCRIPT.format(found=found, zones=ZONES)]
    done = subprocess.run(command, env={"TZDIR": "/nowhere"}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def test_rules() -> None:
    assert rule_of("Europe/Berlin", ZONES) == "CET-1CEST,M3.5.0,M10.5.0/3"
    assert rule_of("Etc/GMT+5", ZONES) == "<-05>5"


@pytest.mark.parametrize(
    "name", ["", "No/Such_Zone", "../../etc/passwd", "/etc/localtime", ":UTC", "EST5EDT,M3.2.0", "Europe"]
)
def test_names_that_are_no_zone(name: str) -> None:
    assert rule_of(name, ZONES) is None
