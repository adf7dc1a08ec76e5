"""django-import-export, with Excel files."""

import io
import zipfile

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.site import Site

RECIPE = Recipe(
    "importexport",
    ("django", "django-import-export[xlsx]"),
    starts=("django-admin startproject ledger .",),
    settings="ledger/settings.py",
    apps=("bookings",),
    pages=("/admin/login/",),
)
BOOK = "from bookings.models import Booking; Booking.objects.create(date='2026-11-01', text='Rent', amount='900.50')"


def test_export_to_excel(site: Site, admin: Customer) -> None:
    site.shell(BOOK)
    page = "/admin/bookings/booking/export/"
    form = admin.get(page).text
    excel = next(number for number in range(10) if f'<option value="{number}">xlsx' in form)
    fields = dict.fromkeys(("bookingresource_id", "bookingresource_date", "bookingresource_amount"), "on")
    answer = admin.post(page, page, format=str(excel), resource="", **fields)
    sheet = zipfile.ZipFile(io.BytesIO(answer.content)).read("xl/worksheets/sheet1.xml").decode()
    assert "900.5" in sheet


def test_page_of_the_import(admin: Customer) -> None:
    assert "xlsx" in admin.get("/admin/bookings/booking/import/").text
