"""GraphQL by strawberry."""

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.json_client import ask
from tests.real.recipe import Recipe
from tests.support.site import Site

RECIPE = Recipe(
    "strawberry",
    ("django", "strawberry-graphql-django"),
    starts=("django-admin startproject library .",),
    settings="library/settings.py",
    apps=("catalog",),
    pages=("/admin/login/",),
)
CREATE = 'mutation { createFruit(data: {name: "Quince", weight: "1.5"}) { id } }'


def test_query_and_mutation(site: Site) -> None:
    assert ask(f"{site.url}/graphql/", {"query": CREATE})["data"] == {"createFruit": {"id": "1"}}
    response = ask(f"{site.url}/graphql/", {"query": "{ fruits { name weight } }"})
    assert response == {"data": {"fruits": [{"name": "Quince", "weight": "1.50"}]}}
