INSTALLED_APPS += ["papers"]
