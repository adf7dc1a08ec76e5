"""Imports that are unusual."""

import importlib
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path


def name_with_nul():
    try:
        importlib.import_module("shop\0")
    except Exception as error:
        return type(error).__name__


def name_with_surrogate():
    """Nuitka crashes if the name is a constant, so it is made at run time, as from the name of a file."""
    try:
        importlib.import_module(os.fsdecode(b"shop\xff"))
    except Exception as error:
        return type(error).__name__


def warning_of_an_import():
    sys.modules.pop("sre_constants", None)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        import sre_constants  # noqa: F401
    return [Path(each.filename).name for each in seen]


def folder_before_the_standard_library():
    return _shadowed("[0:0]")


def folder_after_the_standard_library():
    return _shadowed("[len(sys.path):]")


def path_object_on_sys_path():
    sys.path.insert(0, Path("/nowhere"))
    try:
        return importlib.import_module("colorsys").__name__
    finally:
        sys.path.remove(Path("/nowhere"))


def script_beside_a_module_of_that_name():
    return _shadowed("[0:0]", "fractions.py", "print(fractions.HERE)")


def built_in_functions_of_site():
    return [repr(exit), repr(quit), repr(help)]


def exit_of_a_script():
    return subprocess.run([sys.executable, "-c", "exit(3)"], check=False).returncode


def _shadowed(place, name="statistics.py", last="print(hasattr(statistics, 'HERE'))"):
    """Return what a child prints that imports a module of the standard library, with one of that name in `place`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_text("HERE = 'here'")
        module = name.removesuffix(".py")
        code = f"import sys\nsys.path{place} = [{folder!r}]\nimport {module}\n{last}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        return [done.stdout, done.stderr[-300:]]
