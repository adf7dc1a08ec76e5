"""All promises, in the order in which they are checked. A module has those about one subject."""

from importlib import import_module

from djbundle.tasks.conformance.promise import promises

for name in (
    *("transactions", "running", "arguments", "results", "failing", "timing", "limits"),
    *("workflows", "schedules", "stopping", "crashes", "unknown"),
):
    import_module(f"{__name__}.{name}")

__all__ = ["promises"]
