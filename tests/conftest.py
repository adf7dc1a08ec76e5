"""The bundles under test, each built once, and the sites that run from them."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.browser import browser, page, problems  # noqa: F401 - fixtures
from tests.support.customer import Customer
from tests.support.disks import mounted_disk
from tests.support.outside import Outside
from tests.support.site import Site, bare_environment
from tests.support.wheel import UV, make_environment, run

REPOSITORY = Path(__file__).parents[1]
PROJECTS = REPOSITORY / "tests" / "projects"
DJBUNDLE = Path(sys.executable).with_name("djbundle")
ADMIN_PASSWORD = "correct horse"
CANARY = "canary-3f1c9a7e55d04b1b"  # a secret given to a build; no bundle may contain it

LIGHT = ("test_allauth.py", "test_polls.py")  # the real projects that every run tests

# No test depends on the speed of the machine.
settings.register_profile("djbundle", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("djbundle")

RunBuild = Callable[..., subprocess.CompletedProcess[str]]
NewSite = Callable[..., Site]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--real", action="store_true", help="build and try every project of tests/projects/real as well")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip real projects, which take an hour, unless --real or their path is given."""
    named = any("tests/real" in each for each in config.args)
    is_heavy = collection_path.parent.name == "real" and collection_path.name.startswith("test_")
    return (is_heavy and collection_path.name not in LIGHT and not config.getoption("--real") and not named) or None


def run_build(*arguments: object, verify: bool = False, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``djbundle build`` with these arguments; `options` are those of subprocess.run.

    By default without verification: the tests check the bundle themselves. test_verify.py tests verification.
    """
    command = [str(DJBUNDLE), "build", *map(str, arguments), "--verify" if verify else "--no-verify"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, **options)


def build(project: Path, output: Path, *options: str) -> Path:
    """Build a bundle and return it, or fail the test."""
    result = run_build(project, "-o", output, *options)
    assert result.returncode == 0, result.stderr
    return output


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the folder for this session's bundles."""
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build djbundle itself, as users install it."""
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--quiet", "--wheel", "--out-dir", folder, REPOSITORY)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def tool(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program of an environment that has only djbundle."""
    return make_environment(tmp_path_factory.mktemp("tool") / "environment", "3.13", wheel) / "djbundle"


@pytest.fixture(scope="session")
def shop(bundles: Path) -> Path:
    """Build the sample shop as a bundle, alone in a folder."""
    return build(REPOSITORY / "sample_shop", bundles / "shop" / "shop")


@pytest.fixture(scope="session")
def small(bundles: Path) -> Path:
    """Build the small project of tests/projects as a bundle: a database, tasks, static files, an admin."""
    return build(PROJECTS / "small", bundles / "small" / "small")


@pytest.fixture(scope="session")
def streaming(bundles: Path) -> Path:
    """Build the streaming project as a bundle: ASGI, and only what Django requires. It needs STREAMING_TOKEN."""
    return build(PROJECTS / "streaming", bundles / "streaming" / "streaming", "--env", f"STREAMING_TOKEN={CANARY}")


@pytest.fixture(scope="session")
def outside() -> Iterator[Outside]:
    """Run the payment gateway and the mail server."""
    with Outside() as outside:
        yield outside


@pytest.fixture(scope="session")
def stocked(shop: Path, outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a data directory of the shop with products and an admin account. Tests copy it, and never use it itself."""
    site = Site(shop, tmp_path_factory.mktemp("stocked") / "data", bare_environment(**outside.settings()))
    site.run("migrate")
    site.run("demo_data", "--admin-password", ADMIN_PASSWORD)
    return site.data


@pytest.fixture
def new_shop(shop: Path, stocked: Path, outside: Outside, tmp_path: Path) -> NewSite:
    """Return a function that makes a shop with its own data directory; its arguments are options of ``serve``."""

    def make(*options: str, **environment: str) -> Site:
        data = Path(shutil.copytree(stocked, tmp_path / "data"))
        return Site(shop, data, bare_environment(**outside.settings() | environment), *options)

    return make


@pytest.fixture
def new_small(small: Path, tmp_path: Path) -> NewSite:
    """Return a function that makes a site of the small project, without a database; it takes options of ``serve``."""

    def make(*options: str, **environment: str) -> Site:
        return Site(small, tmp_path / "data", bare_environment(**environment), *options)

    return make


@pytest.fixture(scope="session")
def open_shop(shop: Path, stocked: Path, outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a shop for all tests that only read from it."""
    data = Path(shutil.copytree(stocked, tmp_path_factory.mktemp("open") / "data"))
    with Site(shop, data, bare_environment(**outside.settings())) as site:
        yield site


@pytest.fixture
def customer(open_shop: Site) -> Customer:
    return Customer(open_shop.url)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 8 MB, which is soon full."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(mounted_disk(tmp_path / "disk", 8, "--lazy"))
        except subprocess.CalledProcessError:
            pytest.skip("mounting is not allowed here")
        yield folder
