"""Paths in settings, and where they lead in a bundle."""

from pathlib import Path
from typing import Any

import pytest

from djbundle.runtime.core.bundle import Bundle

MANIFEST: Any = None


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/djb/media", "/data/media"),
        ("/djb", "/data"),
        ("media", "/data/media"),
        ("/djb/shop/../media", "/data/media"),
        ("/djb/shop/../../media", "/data/media"),
        ("../media", "/data/media"),
        ("/djb/./media//a", "/data/media/a"),
        ("/srv/media", None),
        ("/srv/../djb/media", "/data/media"),
        ("/djbundle/media", None),
        ("/data/media", None),
    ],
)
def test_place_in_the_data_directory(path: str, place: str | None) -> None:
    bundle = Bundle(Path("/djb"), MANIFEST, "./shop", Path("/data"))
    assert bundle.in_data(Path(path)) == (Path(place) if place else None)
