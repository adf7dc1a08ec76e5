"""The storage of a bundle's static files, for the build, which collects them, and for the running site."""

from collections.abc import Mapping
from typing import Any

HASHED_STORAGE = "djbundle.static_storage.HashedStorage"
REPLACED_STORAGES = ("django.contrib.staticfiles.storage.StaticFilesStorage", "whitenoise.", "servestatic.")
FILE_STORAGE = {"BACKEND": "django.core.files.storage.FileSystemStorage"}


def with_hashed_names(storages: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return STORAGES with hashed names for static files; None if the project has its own storage, which stays."""
    configured = {"default": FILE_STORAGE} | dict(storages or {})
    backend = configured.get("staticfiles", {}).get("BACKEND", REPLACED_STORAGES[0])
    if not str(backend).startswith(REPLACED_STORAGES):
        return None
    return configured | {"staticfiles": {"BACKEND": HASHED_STORAGE}}
