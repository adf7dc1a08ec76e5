"""Sites to attack, each with its own data directory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.site import Site, bare_environment

pytest.register_assert_rewrite("tests.attacks.watching")
NewTarget = Callable[..., Site]
INTERFACES = ("wsgi", "asgi")


@pytest.fixture
def target(small: Path, streaming: Path, tmp_path: Path) -> NewTarget:
    """Make a site of one interface with one web process; no proxy is trusted."""

    def make(interface: str, *options: str) -> Site:
        bundle = {"wsgi": small, "asgi": streaming}[interface]
        serve_options = ("--workers", "1", "--no-worker", "--access-log", *options)
        if "--trusted-proxies" not in options:
            serve_options = ("--trusted-proxies", "none", *serve_options)
        return Site(bundle, tmp_path / interface, bare_environment(STREAMING_TOKEN="token"), *serve_options)

    return make
