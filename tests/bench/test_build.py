"""The benchmark of builds writes a project that works, and changes a view of it."""

from argparse import Namespace
from pathlib import Path

import pytest

from ci.bench.build import make_candidate


@pytest.mark.parametrize("packages", [None, "json,not_installed"])
def test_large_project(tmp_path: Path, packages: str | None) -> None:
    options = Namespace(wagtail=False, python=None, modules=20, packages=packages)
    candidate = make_candidate(options, tmp_path)
    assert (candidate.folder / "app1" / "migrations" / "0001_initial.py").exists()
    candidate.change(1)
    assert "def bench_view1(request)" in (candidate.folder / candidate.views).read_text()
