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

    runtests.setup_run_tests(0, None, None, [SUBJECT])
    root = os.path.dirname(runtests.__file__)  # noqa: PTH120 - a relative path may be one of the bundle, too
    runner = Runner(pattern="case_*.py", top_level=root, verbosity=0, interactive=False)
    runner.run_tests([os.path.join(root, SUBJECT)])  # noqa: PTH118
    tell(done=True)


if __name__ == "__main__":
    main()
