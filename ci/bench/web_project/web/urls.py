from django.urls import path
from pages import views

urlpatterns = [path("orm/", views.orm), path("template/", views.template), path("json/", views.as_json)]
