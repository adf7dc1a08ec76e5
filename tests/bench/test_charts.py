"""Charts and documents of the task benchmark, from invented figures."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ci.bench.task_peers import figures
from ci.bench.task_peers.bars import lines_of
from ci.bench.task_peers.chart import LABELS, TEXT, WIDTH, chart
from ci.bench.task_peers.document import fill
from ci.bench.task_peers.table import LOWER, Table, Values
from ci.bench.tasks import DOCUMENTS

SVG = "{http://www.w3.org/2000/svg}"
FACTS = {"date": "2026-01-31", "CPUs": "2", "SQLite": "3.53.4", "command": "ci/bench/run tasks drain"}


def make_table(name: str, columns: list[str], rows: dict[str, list[Values]], better: str = "") -> Table:
    table = Table(name, f"the {name} & more", columns, facts=FACTS)
    if better:
        table.better, table.drawn = better, 2
    for label, runs in rows.items():
        for run in runs:
            table.add(label, run, version="1.0", durability="on disk")
    return table


@pytest.fixture
def drain() -> Table:
    runs: dict[str, list[Values]] = {"slow": [[10.0], [50.0], [20.0]], "djbundle": [[500.0], [300.0], [400.0]]}
    return make_table("drain-sqlite", ["tasks/s"], runs)


def texts(drawing: str) -> list[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(drawing).iter(f"{SVG}text")]


def widths(drawing: str) -> dict[str, list[float]]:
    """Return the widths of the bars, by class."""
    widths_by_colour: dict[str, list[float]] = {}
    for bar in ET.fromstring(drawing).iter(f"{SVG}rect"):
        widths_by_colour.setdefault(bar.attrib["class"].strip(), []).append(float(bar.attrib["width"]))
    return widths_by_colour


def test_bars_are_as_long_as_the_medians_say(drain: Table) -> None:
    bars = widths(chart(drain))
    assert bars["ours"] == [WIDTH - LABELS - TEXT]
    assert bars[""] == [pytest.approx((WIDTH - LABELS - TEXT) * 20 / 400, abs=0.1)]


def test_best_stands_first_whether_more_or_less_is_better(drain: Table) -> None:
    labels = [text for text in texts(chart(drain)) if text in drain.rows]
    assert labels == ["djbundle", "slow"]
    drain.better = LOWER
    assert [text for text in texts(chart(drain)) if text in drain.rows] == ["slow", "djbundle"]


def test_ratio_and_small_print_are_said(drain: Table) -> None:
    labels = texts(chart(drain))
    assert "20djbundle × 20" in labels  # the gap is an attribute
    assert "2026-01-31 · 2 CPUs · SQLite 3.53.4 · slow 1.0 · djbundle 1.0 · ci/bench/run tasks drain" in labels
    assert "the drain-sqlite & more" in labels


def test_second_column_is_a_thinner_bar() -> None:
    runs: dict[str, list[Values]] = {"djbundle": [[1.0, 5.0]], "slow": [[50.0, 100.0]]}
    table = make_table("latency-sqlite", ["p50 ms", "p99 ms"], runs, LOWER)
    bars = widths(chart(table))
    assert bars["ours"][0] * 5 == pytest.approx(bars["ours more"][0], abs=1)
    assert "1 / 5" in texts(chart(table))


def test_side_without_figures_and_figures_of_nothing_are_drawn() -> None:
    table = make_table(
        "kills-sqlite", ["lost", "recorded twice"], {"djbundle": [[0.0, 0.0]], "x": [[0.0, None]]}, LOWER
    )
    table.is_race = False
    assert "0 / -" in texts(chart(table))
    table.rows["y"] = table.rows.pop("x")
    table.rows["y"].runs = []
    assert "y" not in texts(chart(table))


def test_partial_run_replaces_its_own_table_only(tmp_path: Path, drain: Table) -> None:
    figures.keep(tmp_path, drain)
    figures.keep(tmp_path, make_table("enqueue", ["requests/s"], {"djbundle": [[1.0]]}))
    figures.keep(tmp_path, make_table("enqueue", ["requests/s"], {"djbundle": [[2.0]]}))
    figures.keep(tmp_path, make_table("drain-sqlite", ["tasks/s"], {}))  # nothing could be measured
    kept = figures.load(tmp_path)
    assert kept["drain-sqlite"] == drain
    assert kept["enqueue"].row("djbundle") == [2.0]
    figures_read = json.loads((tmp_path / figures.NAME).read_text())
    assert figures_read["drain-sqlite"]["rows"]["djbundle"]["medians"] == {"tasks/s": 400.0}
    assert figures_read["drain-sqlite"]["rows"]["djbundle"]["runs"] == [[500.0], [300.0], [400.0]]


def test_document_is_filled_between_its_markers(tmp_path: Path, drain: Table) -> None:
    document = tmp_path / "docs" / "page.md"
    document.parent.mkdir()
    document.write_text(
        "before\n<!-- tasks: summary -->\nold\n<!-- end -->\n<!-- tasks: charts -->\n<!-- end -->\nafter"
    )
    for _ in range(2):  # filling again changes nothing
        fill(document, {drain.name: drain}, tmp_path / "charts")
    text = document.read_text()
    assert text.startswith("before\n<!-- tasks: summary -->\n")
    assert text.endswith("<!-- end -->\nafter")
    assert "old" not in text
    assert "| 400 tasks/s | 20, slow: 20 times | 10 times the fastest | yes |" in text
    assert text.count("(../charts/drain-sqlite.svg)") == 1


def test_documents_have_a_place_for_the_figures(tmp_path: Path, drain: Table) -> None:
    for document in DOCUMENTS:
        copy = tmp_path / "docs" / document.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(document.read_text())
        fill(copy, {drain.name: drain}, tmp_path / "charts")
        assert "| 400 tasks/s | 20, slow: 20 times |" in copy.read_text()
        assert "../charts/drain-sqlite.svg" in copy.read_text()


@pytest.mark.parametrize(("rate", "is_met"), [(200.0, True), (199.0, False)])
def test_aim_that_is_missed_is_called_so(drain: Table, rate: float, is_met: bool) -> None:
    drain.rows["djbundle"].runs = [[rate]]
    assert [line.met for line in lines_of(drain)] == [is_met]


def test_task_recorded_twice_misses_the_aim() -> None:
    columns = ["lost", "recorded twice", "run again", "kills", "seconds"]
    table = make_table("kills-sqlite", columns, {"djbundle": [[0.0, 1.0, 3.0, 20.0, 9.0]]}, LOWER)
    assert [line.met for line in lines_of(table)] == [False]
