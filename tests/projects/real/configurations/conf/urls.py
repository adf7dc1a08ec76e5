from django.conf import settings
from django.contrib import admin
from django.http import HttpResponse
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", lambda _request: HttpResponse(f"<p>{settings.TITLE}, {settings.DEBUG}</p>")),
]
