from django.contrib import admin
from django.urls import path
from places import views

urlpatterns = [
    path("near", views.near),
    path("mercator", views.web_mercator),
    path("features", views.features),
    path("admin/", admin.site.urls),
]
