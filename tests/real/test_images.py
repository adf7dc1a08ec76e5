"""Pictures by Pillow, resized by imagekit and easy-thumbnails."""

import re

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "images",
    ("django", "django-imagekit", "easy-thumbnails", "pillow"),
    starts=("django-admin startproject gallery .",),
    settings="gallery/settings.py",
    apps=("photos",),
    pages=("/admin/login/",),
)
ADD = """
import io
from django.core.files.base import ContentFile
from photos.models import Photo
from PIL import Image
content = io.BytesIO()
Image.new("RGB", (640, 480), "teal").save(content, "PNG")
Photo().image.save("teal.png", ContentFile(content.getvalue()), save=True)
"""


def test_sizes_are_made_and_served(site: Site, visitor: Customer, admin: Customer) -> None:
    site.shell(ADD)
    paths = re.findall(r'<img src="([^"]+)"', visitor.get("/").text)
    assert len(paths) == 2
    for path in paths:
        assert list((site.data / "media").rglob(path.rpartition("/")[2])), path
    assert "teal" in admin.get("/admin/photos/photo/").text
