from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from pages.models import Book

COLUMNS = [f"Column {number}" for number in range(10)]
ROWS = [[f"{row} by {column}" for column in range(10)] for row in range(20)]


def orm(request: HttpRequest) -> HttpResponse:
    """Show a list of 20 rows, by two queries."""
    books = Book.objects.select_related("author").order_by("-price", "pk")[:20]
    return render(request, "pages/books.html", {"books": books, "count": Book.objects.count()})


def template(request: HttpRequest) -> HttpResponse:
    """Show a table of 200 cells, without a query."""
    return render(request, "pages/table.html", {"columns": COLUMNS, "rows": ROWS})


def as_json(_request: HttpRequest) -> HttpResponse:
    """Return one row as an API does."""
    book = Book.objects.get(pk=1)
    return JsonResponse({"title": book.title, "price": str(book.price)})
