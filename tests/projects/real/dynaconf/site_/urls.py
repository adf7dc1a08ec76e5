from django.conf import settings
from django.contrib import admin
from django.http import HttpResponse
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", lambda _request: HttpResponse(f"<p>{settings.SITE_TITLE}, {settings.DEBUG}, {settings.STATIC_URL}</p>")),
]
