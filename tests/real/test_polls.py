"""The project of Django's own tutorial, after part 8."""

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "polls",
    ("django", "django-debug-toolbar"),
    starts=("django-admin startproject mysite .",),
    settings="mysite/settings.py",
    apps=("polls",),
    pages=("/polls/", "/admin/login/"),
)
ASK = """
from django.utils import timezone
from polls.models import Question
question = Question.objects.create(question_text="What's new?", pub_date=timezone.now())
question.choice_set.create(choice_text="Not much")
"""


def test_vote(site: Site, visitor: Customer, admin: Customer) -> None:
    assert "No polls are available." in visitor.get("/polls/").text
    site.shell(ASK)
    assert "What&#x27;s new?" in visitor.get("/polls/").text
    assert "Not much -- 1 vote" in visitor.post("/polls/1/vote/", "/polls/1/", choice="1").text
    assert "Polls Administration" in admin.get("/admin/polls/question/").text
