"""Write down how each test ends. This runs in a bundle, or in a Python beside it.

RESULTS gets a line of JSON for each test that begins, and one for each that ends, so that a crash loses none. Tests
that are in it already are not run again: when a process ends early, another one is started for the rest.
"""

import json
import os
import sys
import traceback
import unittest

PROJECT, SUBJECT, RESULTS = sys.argv[1:4]
OWNER = os.getpid()


def tell(**record: object) -> None:
    """Write a line; children that a test forks write none."""
    if os.getpid() == OWNER:
        with open(RESULTS, "a") as file:  # noqa: PTH123 - the tests of pathlib are run, too
            file.write(json.dumps(record) + "\n")


def tests_told() -> set[str]:
    try:
        with open(RESULTS) as file:  # noqa: PTH123
            return {record["begin"] for record in map(json.loads, file) if "begin" in record}
    except FileNotFoundError:
        return set()


class Result(unittest.TestResult):
    """Tells the outcome of each test: passed, failed or skipped. A test whose parts fail has failed."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome, self.detail = "passed", ""

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's names
        super().startTest(test)
        self.outcome, self.detail = "passed", ""
        tell(begin=test.id())

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().stopTest(test)
        tell(end=test.id(), outcome=self.outcome, detail=self.detail)

    def set(self, test: unittest.TestCase, outcome: str, detail: str) -> None:
        self.outcome, self.detail = outcome, detail[-3000:]
        if not hasattr(test, "_testMethodName") or type(test).__name__ == "_ErrorHolder":  # setUpModule, setUpClass
            tell(begin=test.id())
            tell(end=test.id(), outcome=outcome, detail=self.detail)

    def addError(self, test, err):  # type: ignore[no-untyped-def]  # noqa: N802
        super().addError(test, err)
        self.set(test, "failed", self.errors[-1][1])

    def addFailure(self, test, err):  # type: ignore[no-untyped-def]  # noqa: N802
        super().addFailure(test, err)
        self.set(test, "failed", self.failures[-1][1])

    def addSubTest(self, test, subtest, err):  # type: ignore[no-untyped-def]  # noqa: N802
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.set(test, "failed", "".join(traceback.format_exception(*err)))

    def addSkip(self, test, reason):  # type: ignore[no-untyped-def]  # noqa: N802
        super().addSkip(test, reason)
        if self.outcome == "passed":
            self.set(test, "skipped", reason)

    def addExpectedFailure(self, test, err):  # type: ignore[no-untyped-def]  # noqa: N802
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test):  # type: ignore[no-untyped-def]  # noqa: N802
        super().addUnexpectedSuccess(test)
        self.set(test, "failed", "unexpected success")


def remaining(suite: unittest.TestSuite) -> unittest.TestSuite:
    """Return the suite without the tests that have been run."""
    return without(suite, tests_told())


def without(suite: unittest.TestSuite, done: set[str]) -> unittest.TestSuite:
    tests = [without(each, done) if isinstance(each, unittest.TestSuite) else each for each in suite]
    return type(suite)(each for each in tests if isinstance(each, unittest.TestSuite) or each.id() not in done)
