from django.contrib import admin
from django.urls import include, path

from cases import views

handler404 = "framework.pages.not_found"
urlpatterns = [
    path("admin/", admin.site.urls),
    path("framework/", include("framework.urls")),
    path("", views.names),
    path("<str:area>/<str:name>/", views.answer),
]
