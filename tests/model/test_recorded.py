"""A recorded measurement can be read again, and the document shows its results."""

from pathlib import Path

import pytest

from ci.model.costs import Cost, Measured, Share
from ci.model.document import DOCUMENT, filled, make_blocks


def test_costs_are_the_line_through_two_measurements() -> None:
    share = Share.between((1, 2e-4), (500, 2e-4 + 499e-6))
    assert share.of(1) == pytest.approx(2e-4)
    assert share.of(1000) == pytest.approx(2e-4 + 999e-6)
    assert Share.between((1, 3e-4), (500, 1e-4)).each == 0  # noise: more tasks never cost less


def test_measurement_is_read_as_it_was_written(tmp_path: Path) -> None:
    measured = Measured.load()
    measured.save(tmp_path / "again.json")
    assert Measured.load(tmp_path / "again.json") == measured


def test_recorded_costs_are_plausible() -> None:
    costs = Measured.load().costs
    assert all(isinstance(cost, Cost) and cost.client.of(100) > 0 for cost in (costs.claim, costs.finish, costs.run))
    assert costs.mark_sent.written > 0


def test_the_document_has_the_tables_of_the_recorded_costs() -> None:
    """To write them again: ``python -m ci.model --write``."""
    text = DOCUMENT.read_text()
    assert text.count("<!-- model: ") == 5
    assert filled(text, make_blocks(Measured.load())) == text
