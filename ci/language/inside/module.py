"""Run the tests of a module: ``module.py PROJECT MODULE RESULTS`` in a bundle or a Python."""

import sys
import unittest

from results import PROJECT, SUBJECT, Result, remaining, tell  # type: ignore[import-not-found]

RESOURCES = ["cpu"]  # none that needs a network, a display or gigabytes


def main() -> None:
    sys.path.pop(0)
    if "_bootstrap" not in sys.modules:  # a bundle has it
        sys.path.insert(0, PROJECT)
    sys.argv[1:] = []
    from test import support  # type: ignore[import-not-found]  # noqa: PLC0415

    support.use_resources = RESOURCES
    try:
        module = __import__(SUBJECT, fromlist=["*"])
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    except unittest.SkipTest as error:
        tell(begin=SUBJECT)
        tell(end=SUBJECT, outcome="skipped", detail=str(error))
    else:
        tell(loader=type(module.__loader__).__name__)
        remaining(suite).run(Result())
    tell(done=True)


if __name__ == "__main__":
    main()
