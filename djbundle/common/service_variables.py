"""Names of the variables that move a part of a site to a service which several machines share.

``DATABASE_URL`` moves the database "default", ``DATABASE_URL_ARCHIVE`` the database "archive". So do the others.
"""

import re

DATABASE = "DATABASE_URL"
CACHE = "CACHE_URL"
MEDIA = "MEDIA_URL"
DEFAULT_ALIAS = "default"


def name_of(base: str, alias: str) -> str:
    """Return the name of the variable for this alias of DATABASES, CACHES or STORAGES."""
    return base if alias == DEFAULT_ALIAS else f"{base}_{re.sub(r'\W', '_', alias).upper()}"
