"""The reasons why tests of CPython end differently in a bundle; docs/python-tests.md has the table."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ci.language.record import Module


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason, and the tests that it explains, by patterns of their names."""

    text: str
    tests: tuple[str, ...]

    def explains(self, test: str) -> bool:
        return any(fnmatchcase(test, pattern) for pattern in self.tests)


REASONS = (
    Reason(
        "The folder of the modules is read-only. The test writes a module there, or removes one.",
        (
            "test_pickle.*.test_unpickle_module_race",
            "test_runpy.RunModuleTestCase.*",
            "test_traceback.*SuggestionFormattingTests.test_import_from_*",
            "test_import.ImportTests.test_import",
            "test_import.PycacheTests.test___cached__",
            "test_import.PycacheTests.test_package___cached___from_pyc",
            "test_import.PycacheTests.test_recompute_pyc_same_second",
            "test_doctest.test_doctest.TestDocTestFinder.test_empty_namespace_package",
            "test_trace.TestCoverageCommandLineOutput.*",
        ),
    ),
    Reason(
        "A bundle writes no bytecode: `sys.dont_write_bytecode` is true.",
        (
            "test_import.FilePermissionTests.*",
            "test_import.ImportTests.test_file_to_source",
            "test_import.ImportTests.test_timestamp_overflow",
            "test_import.PycacheTests.*",
        ),
    ),
    Reason(
        "The standard library is bytecode without sources: tracebacks have no lines of it, and its files end with "
        "`.pyc`.",
        (
            "test_ast.test_ast.ASTValidatorTests.test_stdlib_validates",
            "test_contextlib*.test_exit_exception_traceback",
            "test_doctest.test_doctest.test_unicode",
            "test_import.ImportTests.test_from_import_missing_attr_has_name_and_path",
            "test_import.ImportlibBootstrapTests.*",
            "test_inspect.test_inspect.TestGetsourceStdlib.*",
            "test_inspect.test_inspect.TestMain.test_*source*",
            "test_linecache.*",
            "test_module.ModuleTests.test_module_repr_source",
            "test_unittest.test_result.*filter_traceback_frames*",
        ),
    ),
    Reason(
        "Compiled code calls a built-in function, or names a module of the standard library, whatever has been put in "
        "its place.",
        (
            "test_unittest.testmock.testpatch.PatchTest.test_patch_builtins_without_create",
            "test_unittest.testmock.testpatch.PatchTest.test_patch_stopall",
            "test_unittest.testmock.testwith.TestMockOpen.*",
        ),
    ),
    Reason(
        "The test is about functions of another module, which is compiled. They have no bytecode, and are not traced.",
        (
            "test_dis.*.test_big_linenos",
            "test_monitoring.SimulateProfileTest.*",
            "test_trace.*",
        ),
    ),
    Reason(
        "Equal texts that are made of constants are one object in compiled code.",
        ("test_operator.*OperatorTestCase.test_is*",),
    ),
    Reason(
        "The message of an error has other words in compiled code.",
        ("test_str.StrTest.test_str_invalid_call", "test_import.CircularImportTests.test_circular_from_import"),
    ),
    Reason(
        "A docstring that is indented in an unusual way keeps its indentation, as before Python 3.13.",
        ("test_doctest.test_doctest2.*", "test_doctest.test_doctest.test_run_doctestsuite_multiple_times"),
    ),
    Reason(
        "An interpreter within the process (`_interpreters`) does not have the bundle's import system.",
        (
            "test_import.SinglephaseInitTests.*",
            "test_import.SubinterpImportTests.*",
            "test_types.SubinterpreterTests.*",
        ),
    ),
    Reason(
        "A compiled package puts an object in its own place in `sys.modules` that refuses attributes.",
        ("test_import.CircularImportTests.test_unwritable_module",),
    ),
    Reason(
        "Functions of a module with equal constants have a tuple of them each, where Python gives them one.",
        ("test_compile.TestSpecifics.test_merge_constants",),
    ),
    Reason(
        "At the end of the process, the variables of a compiled module are gone before its objects.",
        ("test_module.ModuleTests.test_module_finalization_at_shutdown",),
    ),
    Reason(
        "Nuitka puts functions of its own in the place of some of `inspect` and `types`.",
        ("test_inspect.*.test__all__", "test_inspect.*.test_types_module_has_signatures"),
    ),
    Reason(
        "A bundle without a script is not an interpreter, but shows its commands. A name without an ending and without "
        "`/` is that of a command.",
        (
            "test_runpy.TestExit.test_pymain_run_stdin",
            "test_inspect.test_inspect.TestRepl.*",
            "test_source_encoding.*",
            "test_traceback.TracebackCases.test_encoded_file",
        ),
    ),
    Reason(
        "With `-c`, a module in the working folder does not take the place of one of the bundle.",
        ("test_import.ImportTests.test_script_shadowing_stdlib",),
    ),
    Reason(
        "A child process cannot start in a folder of the bundle.",
        ("test_unittest.test_runner.Test_TextTestRunner.test_warnings",),
    ),
)


def reason_of(test: str) -> Reason | None:
    """Return the first reason that explains the test."""
    return next((each for each in REASONS if each.explains(test)), None)


def unexplained(modules: Mapping[str, Module]) -> dict[str, list[str]]:
    """Return the tests that end differently for no reason that is known, with their outcomes."""
    different = {name: ends for module in modules.values() for name, ends in module.different.items()}
    return {name: ends for name, ends in different.items() if reason_of(name) is None}
