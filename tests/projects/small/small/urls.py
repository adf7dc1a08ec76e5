from django.contrib import admin
from django.urls import path
from notes import targets, views

urlpatterns = [
    path("", views.index),
    path("slow/", views.slow),
    path("count/", views.count),
    path("write/", views.write),
    path("whoami/", views.whoami),
    path("size/", views.size),
    path("large/", targets.large),
    path("stream/", targets.stream),
    path("echo/", targets.echo),
    path("echo/<path:rest>", targets.echo),
    path("exit/", targets.leave),
    path("odd/", targets.odd),
    path("admin/", admin.site.urls),
]
