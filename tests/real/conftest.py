"""Each project is built once, for all tests of its file."""

from collections.abc import Iterator

import pytest

from tests.support.customer import Customer
from tests.support.site import Site


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the site of the module's recipe."""
    recipe = request.module.RECIPE
    with recipe.site(tmp_path_factory.mktemp(recipe.name)) as site:
        yield site


@pytest.fixture
def visitor(site: Site) -> Customer:
    return Customer(site.url)


@pytest.fixture
def admin(site: Site) -> Customer:
    """Log in at /admin/."""
    visitor = Customer(site.url)
    assert visitor.log_in("admin", "secret").url.endswith("/admin/")
    return visitor
