"""Programs that read sources: compilers, testers, listers, and what a log or a warning shows of them."""

import ast
import compileall
import doctest
import inspect
import io
import linecache
import logging
import modulefinder
import os
import py_compile
import runpy
import sys
import tempfile
import tokenize
import traceback
import unittest
import warnings
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
double = lambda number: number * 2  # noqa: E731


class Outer:
    class Inner:
        """Has a text."""

        def method(self):
            return [1, 2]


def compiled_to_a_file():
    with tempfile.TemporaryDirectory() as folder:
        path = py_compile.compile(__file__, cfile=f"{folder}/s.pyc", doraise=True)
        return os.path.basename(path), os.path.getsize(path) > 100


def copied_and_compiled():
    import shutil

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(HERE / "beside" / "helper_beside.py", folder)
        return bool(compileall.compile_dir(folder, quiet=1)), sorted(os.listdir(folder))


def tree_of_a_module():
    tree = ast.parse(inspect.getsource(sys.modules[__name__]))
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def executed_source():
    names = {"__name__": "x"}
    exec(compile((HERE / "beside" / "helper_beside.py").read_text(), "f", "exec"), names)
    return names["TEXT"]


def tokens():
    with tokenize.open(__file__) as file:
        return sum(1 for _ in tokenize.generate_tokens(file.readline)) > 100


def source_of_a_lambda():
    return inspect.getsource(double)


def source_of_a_nested_class():
    return inspect.getsource(Outer.Inner)


def source_of_a_method():
    return inspect.getsourcelines(Outer.Inner.method)[1] > 0, inspect.getsource(Outer.Inner.method)


def file_of_things():
    return [os.path.basename(inspect.getsourcefile(each)) for each in (Outer, double, file_of_things)]


def module_of_things():
    return [inspect.getmodule(each).__name__ for each in (Outer, double)], inspect.getmodulename(__file__)


def comments():
    # A comment before the line.
    return inspect.getcomments(_commented)


# The comment of a function.
def _commented():
    pass


def documentation():
    return inspect.getdoc(Outer.Inner), inspect.cleandoc("a\n  b")


def modules_by_source():
    finder = modulefinder.ModuleFinder(path=[str(HERE / "beside")])
    finder.run_script(str(HERE / "beside" / "script.py"))
    return "helper_beside" in finder.modules


def discovered_tests():
    suite = unittest.defaultTestLoader.discover(str(HERE / "zoo"), "trial.py", top_level_dir=str(HERE.parent))
    return suite.countTestCases()


def run_tests():
    suite = unittest.defaultTestLoader.loadTestsFromName("habits.zoo.trial")
    return unittest.TextTestRunner(stream=io.StringIO()).run(suite).wasSuccessful()


def doctest_of_a_file():
    result = doctest.testfile(str(HERE / "beside" / "examples.txt"), module_relative=False)
    return result.attempted, result.failed


def run_folder():
    return runpy.run_path(str(HERE / "zoo"), run_name="ran")["__name__"]


def run_zip():
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(f"{folder}/run.zip", "w") as archive:
            archive.writestr("__main__.py", "VALUE = __name__")
        return runpy.run_path(f"{folder}/run.zip")["VALUE"]


def run_relative():
    return runpy.run_path("tools/job.py")["NAME"]


def run_module_as_main():
    names = runpy.run_module("habits.zoo.trial", run_name="other", alter_sys=True)
    return names["__name__"], names["__package__"], os.path.basename(names["__file__"])


def record_of_a_log():
    records = []

    class Handler(logging.Handler):
        def emit(self, record):
            records.append(record)

    logger = logging.getLogger("habits.sources")
    logger.addHandler(handler := Handler())
    logger.propagate = False
    try:
        logger.error("x", stack_info=True)
    finally:
        logger.removeHandler(handler)
    record = records[0]
    return (
        *(record.filename, record.funcName, record.module, record.lineno == record_of_a_log.__code__.co_firstlineno),
        'logger.error("x", stack_info=True)' in record.stack_info,
    )


def shown_warning():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.warn("old")
    text = warnings.formatwarning(seen[0].message, seen[0].category, seen[0].filename, seen[0].lineno)
    return text.rpartition("/")[2].partition(":")[0], text.splitlines()[-1].strip()


def warning_of_the_caller():
    def old():
        warnings.warn("old", DeprecationWarning, stacklevel=2)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        old()
    return linecache.getline(seen[0].filename, seen[0].lineno).strip()


def stack_of_this():
    return traceback.extract_stack()[-1].line, traceback.extract_stack()[-1].name


def error_with_notes():
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            error.add_note("a note")
            raise ValueError("second") from error
    except ValueError as error:
        lines = traceback.format_exception(error)
    return [line.strip().splitlines()[-1] for line in lines if "File" not in line]


def error_in_a_plugin():
    try:
        runpy.run_path(str(HERE / "beside" / "raises.py"))
    except ZeroDivisionError as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return os.path.basename(last.filename), last.lineno, last.line


def report_of_an_error():
    from django.views.debug import ExceptionReporter

    try:
        int("no number")
    except ValueError:
        text = ExceptionReporter(None, *sys.exc_info()).get_traceback_text()
    return 'int("no number")' in text, "sources.py" in text


def sources_of_a_package_listed():
    return sorted(each.name for each in (HERE / "beside").glob("*.py")), sorted(
        os.path.relpath(each, HERE) for each in HERE.rglob("*.txt")
    )


def resources():
    from importlib import resources

    folder = resources.files("habits.zoo")
    with resources.as_file(folder / "animals.txt") as path:
        return (
            path.read_text(),
            (folder / "counter.txt").read_bytes().decode(),
            resources.is_resource("habits.zoo", "none"),
        )
