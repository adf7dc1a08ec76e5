INSTALLED_APPS += ["sales"]
