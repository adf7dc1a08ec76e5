INSTALLED_APPS += ["ninja", "stations"]
