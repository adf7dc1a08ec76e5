"""Lazy imports, from Python 3.15 on: only of modules whose run has no effect, and that no start uses."""

import subprocess
import sys

import pytest

from djbundle.builder.inspection.lazy_imports import LazyImports


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("email.utils", ("formatdate",), True),
        ("email.utils", None, True),
        ("django.utils.crypto", ("salted_hmac",), True),
        ("django.utils.crypto", None, False),
        ("django.core.mail.backends", ("smtp",), False),  # a module, which is loaded to be there
        ("django.db.models.functions.datetime", ("Extract",), False),  # it registers lookups
        ("django.contrib.admin.checks", ("check_admin_app",), False),
        ("shop.models", ("Order",), False),
    ],
)
def test_which_imports_may_be_lazy(name: str, names: tuple[str, ...] | None, *, expected: bool) -> None:
    assert LazyImports().allows("importer", name, names) == expected


@pytest.mark.skipif(sys.version_info < (3, 15), reason="this Python has no lazy imports")
def test_what_is_used_is_not_lazy() -> None:
    code = """
from djbundle.builder.inspection.lazy_imports import LazyImports
lazy = LazyImports()
lazy.start()
import colorsys, sched
from wave import open as open_wave
print(colorsys.rgb_to_hsv(0, 0, 0))
print(lazy.unused())
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == ["(0.0, 0.0, 0)", "['sched', 'wave']"]
