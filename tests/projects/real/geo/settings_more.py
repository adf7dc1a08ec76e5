# PostGIS on the server, SpatiaLite on a desk.
import os

INSTALLED_APPS += ["django.contrib.gis", "places"]
if host := os.environ.get("PGHOST"):
    DATABASES["default"] = {
        "ENGINE": "django.contrib.gis.db.backends.postgis",
        "NAME": "geo",
        "USER": os.environ.get("PGUSER", "postgres"),
        "HOST": host,
    }
else:
    DATABASES["default"]["ENGINE"] = "django.contrib.gis.db.backends.spatialite"
