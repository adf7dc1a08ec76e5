"""weblate on PostgreSQL: a package that needs 180 others. It calls git, which the container has too."""

from collections.abc import Iterator

import pytest

from tests.real.container import ContainedSite
from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.json_client import ask
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.postgres import temporary_postgres
from tests.support.site import Site, bare_environment

RECIPE = Recipe("weblate", ("weblate",), pages=("/", "/about/", "/accounts/login/"))
TOKEN = "from weblate.auth.models import User; print(User.objects.get(username='admin').auth_token.key)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(RECIPE.name)
    (folder / "data").mkdir()
    with temporary_postgres() as server:
        server.create_database("weblate")
        bundle = RECIPE.build(folder)
        environment = bare_environment(DJBUNDLE_ALLOWED_HOSTS="127.0.0.1", PGHOST=server.host, PGUSER=server.owner)
        site = ContainedSite(bundle, folder / "data", environment)
        site.mounts, site.programs = (server.host,), ("git",)
        site.run("migrate")
        site.run("createadmin", "--username", "admin", "--password", "secret", "--email", "admin@shop.example")
        with site:
            yield site


def test_pages(site: Site) -> None:
    visitor = Customer(site.url)
    assert {visitor.get(path).status for path in ("/", "/about/", "/projects/", "/accounts/login/", "/checks/")} == {
        200
    }


def test_project_by_the_api(site: Site) -> None:
    token = site.shell(TOKEN).splitlines()[-1]
    made = {"name": "Shop", "slug": "shop", "web": "https://shop.example/"}
    assert ask(f"{site.url}/api/projects/", made, Authorization=f"Token {token}")["slug"] == "shop"
    assert "Shop" in Customer(site.url).get("/projects/shop/").text


def test_what_cron_does(site: Site) -> None:
    site.run("commit_pending", "--all")
    site.run("cleanuptrans")
