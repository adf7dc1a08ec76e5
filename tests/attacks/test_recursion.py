"""Code that calls itself without end raises RecursionError; it never ends the process with a signal."""

import http.client
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import PROJECTS, build
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until
from tests.support.wheel import make_environment, run

BATCH = 25  # kinds in one request
PLACES = ("here", "thread", "small thread", "event loop", "high limit", "high limit in a thread")
MATCHED = "matched"  # Nuitka treats any exception of an attribute as a pattern that does not match
OWN_LOOP = {"coroutine", "coroutines", "async_generator", "async_context", "awaitable"}  # cannot run inside a loop
SLOW_WHEN_DEEP = "nodes_listed"  # CPython needs minutes for it too if only the stack sets a limit
MODEST = 400  # a depth below Python's limit of 1,000

Ask = Callable[..., Any]


@pytest.fixture(scope="module", params=["this", pytest.param("3.12", marks=pytest.mark.slow)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a bundle built by this Python, or by another one, which compiles to other code."""
    folder = tmp_path_factory.mktemp("recursion")
    bundle = folder / "recursive"
    if request.param == "this":
        build(PROJECTS / "recursive", bundle)
    else:
        environment = make_environment(
            folder / "environment", request.param, request.getfixturevalue("wheel"), "django>=6.1,<6.2"
        )
        project = folder / "project"  # outside of this repository, whose environment would be taken for the project's
        shutil.copytree(PROJECTS / "recursive", project)
        run(environment / "djbundle", "build", project, "-o", bundle, "--no-verify")
    with Site(bundle, folder / "data", bare_environment(), "--workers", "1") as site:
        yield site


@pytest.fixture(scope="module")
def ask(site: Site) -> Ask:
    return lambda path, body=None: ask_site(site, path, body)[1]


@pytest.fixture(scope="module")
def kinds(ask: Ask) -> list[str]:
    return list(ask("/names/kinds/"))


@pytest.fixture(scope="module")
def chains(ask: Ask) -> list[str]:
    return list(ask("/names/chains/"))


@pytest.fixture(autouse=True)
def same_process(ask: Ask) -> Iterator[None]:
    """Check that the process that answers after each test is the one from before."""
    before = ask("/walk/", "[]")["process"]
    yield
    assert ask("/walk/", "[]")["process"] == before


def ask_site(site: Site, path: str, body: str | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=120)
    connection.request("POST" if body is not None else "GET", path, body)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    is_json = response.getheader("Content-Type") == "application/json"
    return response.status, json.loads(text) if is_json else text


def batches(names: list[str]) -> Iterator[str]:
    """Yield query strings that together name all kinds."""
    for start in range(0, len(names), BATCH):
        yield urlencode({"kind": names[start : start + BATCH]}, doseq=True)


def assert_recursion_errors(ends: dict[str, str], *, in_loop: bool = False) -> None:
    """Check that each kind ended as in Python."""
    others = {name: end for name, end in ends.items() if end != "RecursionError" and name != "process"}
    assert others.pop(MATCHED, "") == ""
    if in_loop:
        assert {others.pop(name, None) for name in OWN_LOOP} <= {"RuntimeError", None}
    assert others == {}


def test_kind_that_nobody_catches_is_an_error_500(site: Site, kinds: list[str]) -> None:
    assert len(kinds) > 100
    for name in kinds:
        assert ask_site(site, f"/fail/{name}/")[0] == (200 if name == MATCHED else 500), name


@pytest.mark.parametrize("place", PLACES)
def test_kind_raises_recursion_error(ask: Ask, kinds: list[str], place: str) -> None:
    for query in batches(kinds):
        assert_recursion_errors(ask(f"/run/{place.replace(' ', '%20')}/?{query}"), in_loop=place == "event loop")


@pytest.mark.parametrize("place", PLACES)
def test_long_chain_ends_no_process(ask: Ask, chains: list[str], place: str) -> None:
    ends = ask(f"/run/{place.replace(' ', '%20')}/?{urlencode({'kind': chains}, doseq=True)}")
    assert {*chains, "process"} - ends.keys() <= {SLOW_WHEN_DEEP}
    assert SLOW_WHEN_DEEP in ends or place.startswith("high")


@pytest.mark.parametrize("place", ["here", "thread", "high limit"])
@pytest.mark.parametrize("kind_of_task", ["", "&loop=1"], ids=["task", "async task"])
def test_kind_raises_recursion_error_in_a_task(ask: Ask, kinds: list[str], place: str, kind_of_task: str) -> None:
    in_loop = bool(kind_of_task) and place != "thread"
    for query in batches(kinds):
        ends = task_result(ask, ask(f"/enqueue/{place.replace(' ', '%20')}/?{query}{kind_of_task}"))
        assert_recursion_errors(ends, in_loop=in_loop)


def test_long_chain_ends_no_process_of_tasks(ask: Ask, chains: list[str]) -> None:
    ends = task_result(ask, ask(f"/enqueue/here/?{urlencode({'kind': chains}, doseq=True)}"))
    assert ends.keys() == {*chains, "process"}


def test_other_requests_are_answered_while_one_recurses_in_no_loop(site: Site) -> None:
    """If the calls did not let other threads run, the process would seem to hang, and would be killed."""
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ask_site, site, "/wait/", "")
        wait_until(lambda: ask_site(site, "/stop/", "")[0] == 200 and waiting.done(), "the end of the recursion")
    assert waiting.result() == (200, "True")


def task_result(ask: Ask, task: str) -> dict[str, str]:
    """Return what the task returned; if its process died, the task would fail or run in another process."""
    results: list[dict[str, Any]] = []

    def is_finished() -> bool:
        results.append(ask(f"/result/{task}/"))
        return results[-1]["status"] in ("SUCCESSFUL", "FAILED")

    wait_until(is_finished, "the end of the task", 120)
    assert results[-1]["status"] == "SUCCESSFUL"
    return dict(results[-1]["ends"])


def nested(depth: int, pattern: list[bool]) -> str:
    """Return JSON with `depth` levels; the repeated `pattern` says which are lists and which are objects."""
    kinds = [pattern[level % len(pattern)] for level in range(depth)]
    start = "".join("[" if is_list else '{"a":' for is_list in kinds)
    return start + "1" + "".join("]" if is_list else "}" for is_list in reversed(kinds))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, MODEST) | st.integers(0, 100_000), st.lists(st.booleans(), min_size=1, max_size=8))
def test_walk_over_json_of_any_depth(site: Site, depth: int, pattern: list[bool]) -> None:
    status, answer = ask_site(site, "/walk/", nested(depth, pattern))
    assert status == 200
    assert answer["depth"] in ({depth} if depth <= MODEST // 2 else {depth, None})
