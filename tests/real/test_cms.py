"""django CMS with the packages of its quick start."""

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "cms",
    (
        *("django", "django-cms", "djangocms-text", "djangocms-link", "djangocms-alias", "djangocms-versioning"),
        *("djangocms-frontend", "django-filer", "easy-thumbnails"),
    ),
    starts=("django-admin startproject mysite .",),
    settings="mysite/settings.py",
    pages=("/en/admin/login/",),
)
PAGE = """
from cms.api import add_plugin, create_page
from django.contrib.auth import get_user_model
from django.db import transaction
admin = get_user_model().objects.get(username="admin")
page = create_page("Tea and biscuits", "page.html", "en", created_by=admin)
with transaction.atomic():
    page.set_as_homepage()
content = page.pagecontent_set(manager="admin_manager").get()
add_plugin(content.placeholders.get(slot="content"), "TextPlugin", "en", body="<p>With milk</p>")
content.versions.get().publish(admin)
"""


def test_page_is_made_and_published(site: Site, visitor: Customer) -> None:
    site.shell(PAGE)
    page = visitor.get("/en/")
    assert "Tea and biscuits" in page.text
    assert "With milk" in page.text


def test_editor(site: Site) -> None:
    admin = Customer(site.url)
    admin.post("/en/admin/login/?next=/en/admin/", "/en/admin/login/", username="admin", password="secret")
    assert "Tea and biscuits" in admin.get("/en/admin/cms/pagecontent/get-tree/?language=en").text
    assert admin.get("/en/admin/filer/folder/").status == 200
