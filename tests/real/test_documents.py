"""PDFs by WeasyPrint with the system's pango, and file types by libmagic, in a container that has neither."""

import io

import pypdf

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer

RECIPE = Recipe(
    "documents",
    ("django", "weasyprint", "python-magic"),
    starts=("django-admin startproject office .",),
    settings="office/settings.py",
)


def test_invoice_has_its_text_in_the_fonts_of_the_build(visitor: Customer) -> None:
    (page,) = pypdf.PdfReader(io.BytesIO(visitor.get("/invoice.pdf").content)).pages
    assert "Crème brûlée, 2 pieces" in page.extract_text()
    fonts = {str(font.get_object()["/BaseFont"]) for font in page["/Resources"]["/Font"].values()}  # type: ignore[index]
    assert len(fonts) == 3, fonts


def test_types_of_files(visitor: Customer) -> None:
    assert visitor.get("/kind/").text == "text/plain"
