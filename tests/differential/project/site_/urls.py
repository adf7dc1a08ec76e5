from django.urls import path

from cases import views

urlpatterns = [path("", views.names), path("<str:area>/<str:name>/", views.answer)]
