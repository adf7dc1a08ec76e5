"""A clock that a test sets."""

from types import ModuleType, SimpleNamespace

import pytest


def stopped_clock(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> SimpleNamespace:
    """Replace `time` in a module. ``monotonic()`` there returns `now`, which begins at 0."""
    clock: SimpleNamespace = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(module, "time", clock)
    return clock
