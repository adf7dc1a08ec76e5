from django.contrib import admin
from django.urls import path
from notes import views

urlpatterns = [
    path("", views.index),
    path("slow/", views.slow),
    path("count/", views.count),
    path("write/", views.write),
    path("whoami/", views.whoami),
    path("heard/", views.heard),
    path("size/", views.size),
    path("admin/", admin.site.urls),
]
