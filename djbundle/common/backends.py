"""Recognizes the backends that settings name by the classes that they inherit, not by their names."""

import contextlib
from functools import cache
from importlib import import_module

DJANGO = "django."
SQLITE = ("sqlite3", "spatialite")  # ends of the names of Django's own engines
FILES = "django.core.files.storage.FileSystemStorage"
FILE_CACHE = "django.core.cache.backends.filebased.FileBasedCache"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
LOCAL_CACHE = "django.core.cache.backends.locmem.LocMemCache"


@cache
def is_sqlite(engine: str) -> bool:
    """Return whether an ENGINE of DATABASES is SQLite or is derived from it, as that of django-prometheus."""
    if engine.startswith(DJANGO) or not engine:
        return engine.endswith(SQLITE)
    with contextlib.suppress(Exception):  # another library may raise anything; Django reports it later
        return bool(import_module(f"{engine}.base").DatabaseWrapper.vendor == "sqlite")
    return engine.endswith(SQLITE)


@cache
def is_kind_of(backend: str, base: str) -> bool:
    """Return whether the class with the path `backend` is the class `base`, or is derived from it.

    Django has some classes by two paths, of which one begins with the other's package.
    """
    (module, _, name), (base_module, _, base_name) = backend.rpartition("."), base.rpartition(".")
    if name == base_name and (module.startswith(base_module) or base_module.startswith(module)):
        return True
    if backend.startswith(DJANGO) or "." not in backend:
        return False
    with contextlib.suppress(Exception):  # as above
        return issubclass(_class_of(backend), _class_of(base))
    return False


def _class_of(path: str) -> type:
    module, _, name = path.rpartition(".")
    backend: type = getattr(import_module(module), name)
    return backend
