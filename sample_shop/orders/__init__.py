"""Basket, checkout, payment and mails."""
