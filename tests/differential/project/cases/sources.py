"""The sources of the project, as a virtual environment has them."""

import importlib
import importlib.util
import inspect
import linecache
import os
import pkgutil
import runpy
import subprocess
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).parent


def source_of_function():
    return inspect.getsource(source_of_function)


def source_of_class():
    return inspect.getsource(Example)


class Example:
    def method(self):
        return 1


def source_of_module():
    return inspect.getsource(sys.modules[__name__])[:40]


def line_of_this_file():
    return linecache.getline(__file__, 1)


def lines_in_traceback():
    try:
        return 1 // 0
    except ZeroDivisionError as error:
        return [(each.name, each.lineno, each.line) for each in traceback.extract_tb(error.__traceback__)]


def plugins_by_glob():
    return sorted(path.stem for path in (HERE / "plugins").glob("*.py"))


def plugins_by_listing():
    return sorted(name for name in os.listdir(HERE / "plugins") if name.endswith(".py"))


def plugins_by_pkgutil():
    return sorted(each.name for each in pkgutil.iter_modules([str(HERE / "plugins")]))


def imported_plugins():
    return [importlib.import_module(f"cases.plugins.{name}").NAME for name in ("first", "second")]


def run_module():
    return runpy.run_module("cases.plugins.first")["NAME"]


def run_path():
    return runpy.run_path(str(HERE / "plugins" / "first.py"))["NAME"]


def module_of_a_path():
    spec = importlib.util.spec_from_file_location("by_path", HERE / "plugins" / "second.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.NAME


def python_m():
    done = subprocess.run([sys.executable, "-m", "cases.plugins.first"], capture_output=True, text=True)
    return done.stdout, done.returncode


def python_script():
    done = subprocess.run([sys.executable, str(HERE / "plugins" / "first.py")], capture_output=True, text=True)
    return done.stdout, done.returncode


def shell_script():
    done = subprocess.run(["sh", str(HERE / "tool.sh")], capture_output=True, text=True)
    return done.stdout, done.returncode


def loader():
    return __loader__.get_source(__name__)[:20], __spec__.loader.is_package(__name__), os.path.basename(__spec__.origin)


def file_of_module():
    return os.path.basename(__file__), importlib.import_module("cases.plugins").__file__.rpartition("/")[2]


def source_is_a_file():
    return Path(__file__).is_file(), Path(__file__).read_text()[:30]
