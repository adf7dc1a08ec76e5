"""All URLs of the shop."""

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static as static_file
from django.urls import include, path


def favicon(_request: HttpRequest) -> HttpResponseRedirect:
    """Redirect to the icon. Browsers request /favicon.ico if a page, such as the admin's, names no icon."""
    return HttpResponseRedirect(static_file("shop/icon.svg"))


urlpatterns = [
    path("", include("catalogue.urls")),
    path("", include("orders.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
