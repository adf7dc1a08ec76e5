"""Static files that are not collected, since a front-end tool puts them into STATIC_ROOT itself."""

from pathlib import Path

import pytest

from djbundle.builder.inspection.collect import copy_other_files


@pytest.mark.parametrize(
    ("name", "goes_in"),
    [
        ("vite/.vite/manifest.json", True),
        ("vite/main-0123456789ab.js", True),  # hashed by another tool: there is no main.js
        ("CACHE/css/output.0123456789ab.css", True),
        ("CACHE/css/output.css.gz", True),  # its original does not exist
        ("shop.css", False),  # collected, and perhaps newer
        ("shop.0123456789ab.css", False),  # left from an earlier time
        ("shop.0123456789ab.css.gz", False),
        ("shop.css.br", False),
        ("LICENSE.0123456789ab", False),
        ("staticfiles.json", False),
    ],
)
def test_what_others_have_put_there(tmp_path: Path, name: str, goes_in: bool) -> None:
    root, collected = tmp_path / "root", tmp_path / "collected"
    collected.mkdir()
    for each in ("shop.css", "LICENSE"):
        (collected / each).write_text("collected")
    (root / name).parent.mkdir(parents=True)
    (root / name).write_text("of others")
    copy_other_files(root, collected)
    copy = collected / name
    assert (copy.exists() and copy.read_text() == "of others") is goes_in
    assert (collected / "shop.css").read_text() == "collected"
