"""The messages of a build that verification refuses."""

import pytest

from djbundle.builder.verify import verification
from djbundle.builder.verify.crawl_record import CrawlRecord, Problem
from djbundle.errors import VerificationError

MISSING = "ModuleNotFoundError: No module named 'stripe.webhook'"


@pytest.mark.parametrize(
    ("message", "trace", "hint"),
    [
        (MISSING, "", "include the package that has stripe.webhook:  --include NAME"),
        (
            "RuntimeError: no",
            f"{MISSING}\nRuntimeError: no",
            "include the package that has stripe.webhook:  --include NAME",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/djb/shop/rates.json'",
            MISSING,
            "see why it was left out:  djbundle check --files,  "
            "and name it if it belongs there:  --include shop/rates.json",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/etc/shop.conf'",
            "",
            "do without /etc/shop.conf, which an empty container does not have",
        ),
        (
            "OSError: [Errno 30] Read-only file system: '/djb/shop/log.txt'",
            "",
            "have shop/log.txt lie below MEDIA_ROOT or another setting: those move to the data directory",
        ),
        (
            "?: (shop.E001) The path /djb/data is not writable.",
            "",
            "leave data out of the bundle, so that it lies in the data directory:  --exclude data",
        ),
        ("KeyError: 'STRIPE_KEY'", "", "give the variable:  --env STRIPE_KEY=VALUE"),
        (
            "it did not start within 90 s",
            "KeyError: 'STRIPE_KEY'",
            "build again while the machine has less to do, or start the bundle by hand",
        ),
        ("KeyError: 'page'", "", ""),
    ],
)
def test_hint(message: str, trace: str, hint: str) -> None:
    assert verification.hint(Problem("GET /", message, trace)) == hint


def test_refusal_names_the_first_problem_and_how_many_there_are() -> None:
    record = CrawlRecord(is_empty=True, problems=[Problem("GET /", "KeyError: 'a'"), Problem("GET /b/", MISSING)])
    with pytest.raises(VerificationError) as refused:
        verification.raise_for_problems(record, "look at it", ", or do not")
    assert (refused.value.cause, refused.value.fix) == (
        "GET / fails: KeyError: 'a', and 1 more",
        "look at it, or do not",
    )
    verification.raise_for_problems(CrawlRecord(is_empty=True, warnings=["GET /: slow"]))
