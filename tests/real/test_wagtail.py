"""The project that ``wagtail start`` writes."""

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe("wagtail", ("wagtail",), starts=("wagtail start mysite .",), pages=("/", "/admin/login/"))
NO_COMMENTS = {f"comments-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}

CONTENT = """
from io import BytesIO
from django.core.files.base import ContentFile
from home.models import HomePage
from PIL import Image as Picture
from wagtail.images import get_image_model
home = HomePage.objects.get(slug="home")
for number in range(5):
    home.add_child(instance=HomePage(title=f"Oolong {number}", slug=f"oolong-{number}"))
picture = BytesIO()
Picture.new("RGB", (800, 600), "teal").save(picture, "PNG")
image = get_image_model().objects.create(title="teal", file=ContentFile(picture.getvalue(), "teal.png"))
print(*(image.get_rendition(wanted).url for wanted in ("fill-200x150", "width-400|format-webp")))
"""
SCHEDULE = """
from datetime import timedelta
from django.utils import timezone
from home.models import HomePage
page = HomePage(title="Later", slug="later", live=False)
HomePage.objects.get(slug="home").add_child(instance=page)
page.save_revision(approved_go_live_at=timezone.now() - timedelta(minutes=1))
"""


def test_editor(admin: Customer) -> None:
    assert "Home" in admin.get("/admin/pages/").text
    assert admin.get("/admin/pages/add/home/homepage/3/").status == 200
    assert admin.get("/admin/images/").status == 200


def test_page_is_edited_and_published(visitor: Customer, admin: Customer) -> None:
    assert "Welcome to your new Wagtail site" in visitor.get("/").text
    page = "/admin/pages/3/edit/"
    fields = {"title": "Tea and biscuits", "slug": "home", "action-publish": "action-publish"}
    admin.post(page, page, **fields, **NO_COMMENTS)
    assert "Tea and biscuits" in visitor.get("/").text


def test_content(site: Site, visitor: Customer) -> None:
    """A small site has pages, a picture in two sizes, and a search."""
    pictures = site.shell(CONTENT).split()
    assert [visitor.get(path).status for path in pictures] == [200, 200]
    assert "Oolong 4" in visitor.get("/oolong-4/").text
    assert "Oolong 2" in visitor.get("/search/?query=Oolong").text


def test_cron_publishes_a_page(site: Site, visitor: Customer) -> None:
    site.shell(SCHEDULE)
    assert visitor.get("/later/").status == 404
    site.run("publish_scheduled")
    assert visitor.get("/later/").status == 200
