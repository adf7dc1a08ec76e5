from django.urls import URLPattern
from kit import exercises

urlpatterns: list[URLPattern] = []
ALL = exercises.ALL
