from django.urls import path
from papers import views

urlpatterns = [path("", views.desk), path("invoice.pdf", views.invoice), path("kind/", views.kind)]
