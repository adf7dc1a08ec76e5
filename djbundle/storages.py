"""Where a bundle's static files come from: told alike to the build, which collects them, and to the running site."""

from collections.abc import Mapping
from typing import Any

HASHED_STORAGE = "djbundle.static_storage.HashedStorage"
REPLACED_STORAGES = ("django.contrib.staticfiles.storage.StaticFilesStorage", "whitenoise.", "servestatic.")
FILES = {"BACKEND": "django.core.files.storage.FileSystemStorage"}


def with_hashed_names(storages: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """STORAGES for hashed names; None where the project has a storage of its own, which stays."""
    given = {"default": FILES} | dict(storages or {})
    backend = given.get("staticfiles", {}).get("BACKEND", REPLACED_STORAGES[0])
    if not str(backend).startswith(REPLACED_STORAGES):
        return None
    return given | {"staticfiles": {"BACKEND": HASHED_STORAGE}}
