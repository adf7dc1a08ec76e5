"""Run Django's tests of an app: ``label.py PROJECT APP RESULTS`` in a bundle or a Python."""

import os
import sys
import unittest
from typing import Any

from results import PROJECT, SUBJECT, Result, remaining, tell  # type: ignore[import-not-found]


def main() -> None:
    sys.path.pop(0)
    if "_bootstrap" not in sys.modules:  # in a bundle it is there
        sys.path.insert(0, PROJECT)
    sys.argv[1:] = []
    os.environ["DJANGO_SETTINGS_MODULE"] = "case_test_sqlite"
    import runtests  # type: ignore[import-not-found]  # noqa: PLC0415 - Django's own program
    from django.test.runner import DiscoverRunner  # noqa: PLC0415

    class Runner(DiscoverRunner):
        def run_suite(self, suite: unittest.TestSuite, **kwargs: Any) -> Any:  # noqa: ARG002
            return remaining(suite).run(Result())

    labels, _ = runtests.setup_run_tests(0, None, None, [SUBJECT])
    Runner(pattern="case_*.py", verbosity=0, interactive=False).run_tests(labels)
    tell(done=True)


if __name__ == "__main__":
    main()
