INSTALLED_APPS += ["strawberry_django", "catalog"]
