"""Compares a project in its environment with its bundle: ``python -m ci.foreign PROJECT ENVIRONMENT BUNDLE``.

Both begin with the same databases, and one superuser each. The same pages are requested of gunicorn and of the bundle,
without a login and as the superuser: those without an argument, and those to which they link. Differences are printed,
and the exit code is then 1. The project's folder and the environment stay unchanged.
"""

import argparse
import difflib
import re
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ci.foreign.answers import Answer, get, marked
from ci.foreign.sides import Environment, bundle_site, copy_databases, facts_of_both
from tests.support.site import Site
from tests.support.waiting import wait_until

SKIPPED = re.compile(r"log-?out|sign-?out|delete|stream|/jsi18n/|[?&]next=", re.IGNORECASE)  # ends, or has no end
SHOWN_LINES = 30  # of each difference

GetPage = Callable[[str], Answer]  # by its path


@dataclass(slots=True)
class Count:
    pages: int = 0
    differing: int = 0


def main() -> int:
    options = parse()
    with tempfile.TemporaryDirectory(prefix="foreign-") as folder:
        return compare(options, options.folder or Path(folder))


def compare(options: argparse.Namespace, work: Path) -> int:
    """Compare all pages, print what differs, and return the exit code."""
    environment, site = make_sides(options, work)
    of_environment, of_bundle = facts_of_both(site, environment)
    requests = partial(get, is_https=bool(of_environment["redirects_to_https"]))
    count = Count()
    with environment.serving() as url, site:
        wait_until(lambda: get(url, "", "/").status, "gunicorn answers")
        crawl(
            of_environment["paths"],
            options.pages,
            "",
            partial(requests, url, ""),
            partial(requests, site.url, ""),
            count,
        )
        if of_environment["cookies"] and of_bundle["cookies"]:
            both = (
                partial(requests, url, of_environment["cookies"][0]),
                partial(requests, site.url, of_bundle["cookies"][0]),
            )
            crawl(of_environment["paths"], options.pages, "as a superuser", *both, count)
        else:
            print(f"no superuser: {of_environment['no_session'] or of_bundle['no_session']}")
    print(f"{count.pages} pages, {count.differing} differ")
    return int(count.differing > 0)


def make_sides(options: argparse.Namespace, work: Path) -> tuple[Environment, Site]:
    """Return both sides, with the same databases."""
    folders = work / "environment", work / "bundle"
    for folder in folders:
        folder.mkdir(parents=True)
    own, of_bundle = ({name: value.format(folder=folder) for name, value in options.env} for folder in folders)
    environment = Environment.make(
        folders[0], options.project, options.environment, options.settings, options.wsgi, own
    )
    site = bundle_site(folders[1], options.bundle, of_bundle, options.run)
    copy_databases(site, environment)
    environment.collect_static_files()
    return environment, site


def crawl(paths: Iterable[str], limit: int, user: str, expected: GetPage, actual: GetPage, count: Count) -> None:
    """Request these pages, and those to which they link, of both sides."""
    waiting, seen = [(path, path) for path in paths], set[str]()
    while waiting and len(seen) < limit:
        path, path_in_bundle = waiting.pop(0)
        if path in seen or SKIPPED.search(path):
            continue
        seen.add(path)
        first, second = expected(path), actual(path_in_bundle)
        waiting += pairs(first.links - seen, second.links)
        count.pages += 1
        count.differing += report(path, user, first, second)


def pairs(links: Collection[str], of_bundle: Collection[str]) -> list[tuple[str, str]]:
    """Return each link with the same link of the bundle, which may have another random token in it."""
    others = {marked(each): each for each in of_bundle}
    return [(each, each if each in of_bundle else others.get(marked(each), each)) for each in sorted(links)]


def report(path: str, user: str, expected: Answer, answer: Answer) -> bool:
    """Print the difference of two answers, and return whether there is one."""
    lines = [*difflib.unified_diff(expected.lines(), answer.lines(), "environment", "bundle", lineterm="", n=0)]
    if lines:
        print(f"--- GET {path} {user}", *cut(lines), sep="\n", flush=True)
    return bool(lines)


def cut(lines: list[str]) -> Iterable[str]:
    yield from (line[:300] for line in lines[2 : 2 + SHOWN_LINES])
    if len(lines) > SHOWN_LINES + 2:
        yield f"... and {len(lines) - SHOWN_LINES - 2} lines more"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ci.foreign", description=__doc__)
    add = parser.add_argument
    add("project", type=Path, help="the folder with manage.py")
    add("environment", type=Path, help="the folder of the project's virtual environment")
    add("bundle", type=Path)
    add("--settings", required=True, metavar="MODULE", help="the settings module")
    add("--wsgi", default="", metavar="MODULE", help="the module of the WSGI application [PACKAGE.wsgi]")
    add(
        *("--env", "-e"),
        action="append",
        type=lambda text: tuple(text.split("=", 1)),
        default=[],
        metavar="NAME=VALUE",
        help="a variable for both sides; {folder} in it is a folder of each side",
    )
    add(
        "--run",
        action="append",
        default=[],
        metavar="COMMAND",
        help='a command of manage.py that fills the databases, such as "loaddata languages"',
    )
    add("--pages", type=int, default=200, metavar="N", help="pages that are requested at most, for each user [200]")
    add("--folder", type=Path, help="a folder that keeps projects, databases and logs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
