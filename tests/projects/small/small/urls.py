from django.contrib import admin
from django.urls import path
from notes import views

urlpatterns = [
    path("", views.index),
    path("slow/", views.slow),
    path("write/", views.write),
    path("admin/", admin.site.urls),
]
