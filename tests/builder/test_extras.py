"""An extra is chosen if all of its requirements are installed, with their own extras."""

from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from djbundle.builder.dependencies import extras
from djbundle.builder.project import installed

PACKAGES = {
    "queue": ("wire", 'wire[redis]; extra == "fast"', 'boto; extra == "sqs"', 'wire[amqp]; extra == "rabbit"'),
    "wire": (
        'store>=2; extra == "redis"',
        'names; extra == "redis"',
        'rabbit; extra == "amqp"',
        'names; extra == "test"',
    ),
    "store": ('hired; extra == "speed"', 'store[speed]; extra == "all"'),
    "names": (),
    "hired": ('names; python_version < "3"; extra == "old"',),
}


@pytest.fixture(autouse=True)
def _packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, requires in PACKAGES.items():
        provided = {each.rpartition('"')[0].rpartition('"')[2] for each in requires if "extra" in each}
        lines = [f"Name: {name}", "Version: 2", *(f"Requires-Dist: {each}" for each in requires)]
        folder = tmp_path / f"{name}-2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("\n".join([*lines, *(f"Provides-Extra: {each}" for each in sorted(provided))]))
    monkeypatch.setattr(installed, "search_path", lambda: (str(tmp_path),))
    extras._requirements.cache_clear()


@pytest.mark.parametrize(
    ("name", "chosen"), [("queue", {"fast"}), ("wire", {"redis"}), ("store", {"speed"}), ("names", set())]
)
def test_extras(tmp_path: Path, name: str, chosen: set[str]) -> None:
    assert extras.chosen_extras(PathDistribution(tmp_path / f"{name}-2.dist-info")) == chosen
