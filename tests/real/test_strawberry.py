"""GraphQL by strawberry."""

from ci.site import Site
from tests.real.json_client import ask
from tests.real.recipe import Recipe

RECIPE = Recipe(
    "strawberry",
    ("django", "strawberry-graphql-django"),
    starts=("django-admin startproject library .",),
    settings="library/settings.py",
    apps=("catalog",),
)
CREATE = 'mutation { createFruit(data: {name: "Quince", weight: "1.5"}) { id } }'


def test_query_and_mutation(site: Site) -> None:
    assert ask(f"{site.url}/graphql/", {"query": CREATE})["data"] == {"createFruit": {"id": "1"}}
    found = ask(f"{site.url}/graphql/", {"query": "{ fruits { name weight } }"})
    assert found == {"data": {"fruits": [{"name": "Quince", "weight": "1.50"}]}}
