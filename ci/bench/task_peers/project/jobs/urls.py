"""One page: two queries and a template."""

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from jobs.models import Row

LIST = "<h1>{{ total }} rows</h1><ul>{% for row in rows %}<li>{{ row.pk }}: {{ row.text|upper }}</li>{% endfor %}</ul>"


def page(_request: HttpRequest) -> HttpResponse:
    total = Row.objects.aggregate(total=Count("pk"))["total"]
    template = engines["django"].from_string(LIST)
    return HttpResponse(template.render({"total": total, "rows": Row.objects.order_by("pk")[:50]}))


urlpatterns = [path("", page)]
