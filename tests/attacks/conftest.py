"""Sites to attack, each with its own data directory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ci.site import Site, bare_environment

pytest.register_assert_rewrite("tests.attacks.watching")
NewTarget = Callable[..., Site]
INTERFACES = ("wsgi", "asgi")


@pytest.fixture
def target(small: Path, streaming: Path, tmp_path: Path) -> NewTarget:
    """Make a site of one interface with one web process; no proxy is trusted."""

    def make(interface: str, *options: str) -> Site:
        bundle = {"wsgi": small, "asgi": streaming}[interface]
        given = ("--workers", "1", "--no-worker", "--access-log", *options)
        if "--trusted-proxies" not in options:
            given = ("--trusted-proxies", "none", *given)
        return Site(bundle, tmp_path / interface, bare_environment(STREAMING_TOKEN="token"), *given)

    return make
