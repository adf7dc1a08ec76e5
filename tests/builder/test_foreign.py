"""ci/foreign compares a project with its bundle, and sees all differences but those of each request."""

import subprocess
import sys
from pathlib import Path

import pytest

from ci.foreign.__main__ import pairs
from ci.foreign.answers import Answer, header, links_of, marked
from tests.conftest import REPOSITORY
from tests.support.wheel import make_environment


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:45123/x"),
        (f'value="{"aB3" * 21}x"', f'value="{"Zy9" * 21}q"'),
        ("/static/a/base.css", "/static/a/base.0123abcdef01.css"),
        (f'"session_token": "{"p4z8" * 8}"', f'"session_token": "{"9qxu" * 8}"'),
        (f'"challenge": "{"sS-_G" * 8}abc"', f'"challenge": "{"w0rLd" * 8}xyz"'),
        ("at 12:31:05", "at 3:04:59"),
        ("3a1b9d4e-0a1b-4c2d-8e3f-0123456789ab", "11111111-2222-4333-8444-555555555555"),
    ],
)
def test_what_differs_from_one_request_to_the_next_is_equal(one: str, other: str) -> None:
    assert marked(one) == marked(other) != ""


@pytest.mark.parametrize(("one", "other"), [("3 products", "4 products"), ("/a.css", "/b.css"), ("", " ")])
def test_everything_else_differs(one: str, other: str) -> None:
    assert Answer(200, (), (), marked(one)).lines() != Answer(200, (), (), marked(other)).lines()


def test_lists_in_headers_have_no_order() -> None:
    assert header("vary", "Cookie, Accept") == header("vary", "Accept, Cookie")
    assert header("content-type", "b, a") != header("content-type", "a, b")


def test_links_of_a_page() -> None:
    page = '<a href="b/?c=1#d">B</a><a href="/e">E</a><a href="https://other.example/">O</a><a href="mailto:x@y">M</a>'
    assert [*links_of(page, "/a/")] == ["/a/b/?c=1", "/e"]


def test_links_with_a_token_are_those_of_each_side() -> None:
    one, other = f"/feeds/{'1a' * 20}/all", f"/feeds/{'2b' * 20}/all"
    assert pairs({one, "/a/", "/only-here/"}, {other, "/a/"}) == [
        ("/a/", "/a/"),
        (one, other),
        ("/only-here/", "/only-here/"),
    ]


@pytest.mark.slow
def test_the_shop_answers_as_in_its_environment(shop: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    make_environment(environment, "3.13", "django>=6.1,<6.2", "pillow>=12", REPOSITORY)
    command = [sys.executable, "-m", "ci.foreign", str(REPOSITORY / "sample_shop"), str(environment), str(shop)]
    command += ["--settings", "shop.settings", "--pages", "60"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " pages, 0 differ" in done.stdout
