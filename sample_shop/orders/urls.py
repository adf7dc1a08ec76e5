"""Basket, checkout and order pages."""

from django.urls import path

from orders import views

urlpatterns = [
    path("basket/", views.show_basket, name="basket"),
    path("basket/add/<slug:slug>/", views.add_to_basket, name="add-to-basket"),
    path("basket/set/<slug:slug>/", views.set_quantity, name="set-quantity"),
    path("checkout/", views.checkout, name="checkout"),
    path("order/<str:token>/", views.show_order, name="order"),
]
