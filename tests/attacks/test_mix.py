"""All attacks at once beside honest clients, for half a minute; ci/bench/run hostile runs them longer."""

from pathlib import Path

import pytest

from ci.bench import hostile

SECONDS = 30


@pytest.mark.slow
def test_honest_clients_are_served_in_the_mix(small: Path, tmp_path: Path) -> None:
    """None of the honest requests fails, no process ends, and memory use falls again."""
    result = hostile.measure(small, tmp_path, SECONDS)
    assert not result.alone.failures
    assert not result.attacked.failures
    assert result.memory <= hostile.TOLERANCE, f"{result.before >> 20} MB before, {result.after >> 20} MB after"
    assert not result.restarts
