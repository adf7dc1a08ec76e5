"""Settings that tie a site to one machine: what they name lies on its disk or in its memory.

The build reports them for the project. ``./shop check`` reports those that remain with the site's variables.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from djbundle.common.backends import FILE_CACHE, FILES, LOCAL_CACHE, is_kind_of, is_sqlite
from djbundle.common.service_variables import CACHE, DATABASE, MEDIA, name_of

LOCAL_CACHES = {LOCAL_CACHE: "in the memory of each process", FILE_CACHE: "in files"}
SESSIONS_IN_A_CACHE = ("django.contrib.sessions.backends.cache", "django.contrib.sessions.backends.cached_db")
SESSIONS_IN_FILES = "django.contrib.sessions.backends.file"
NAMES = ("DATABASES", "CACHES", "SESSION_ENGINE", "STORAGES", "CHANNEL_LAYERS", "LOGGING", "SECRET_KEY")  # of settings


class Tie(NamedTuple):
    """A setting that ties the site to one machine, and what frees it."""

    setting: str
    cause: str
    fix: str


def ties_in(settings: Any, *, is_key_local: bool) -> Iterator[Tie]:
    """Yield the ties of these settings. `is_key_local`: SECRET_KEY is one that each data directory makes."""
    yield from _databases(settings)
    yield from _caches(settings)
    yield from _sessions(settings)
    yield from _storages(settings)
    yield from _channel_layers(settings)
    yield from _logs(settings)
    if is_key_local:
        cause = "each machine would make a key of its own, and refuse the sessions and links of the others"
        yield Tie("SECRET_KEY", cause, "set SECRET_KEY to the same value on all machines")


def _databases(settings: Any) -> Iterator[Tie]:
    for alias, entry in settings.DATABASES.items():
        if is_sqlite(entry.get("ENGINE", "")):
            fix = f"set {name_of(DATABASE, alias)}=postgres://..."
            yield Tie("DATABASES", f'the database "{alias}" is a file of SQLite', fix)


def _caches(settings: Any) -> Iterator[Tie]:
    for alias in settings.CACHES:
        if place := _place_of_cache(settings, alias):
            fix = f"set {name_of(CACHE, alias)}=redis://..."
            yield Tie("CACHES", f'the cache "{alias}" is {place}', fix)


def _sessions(settings: Any) -> Iterator[Tie]:
    alias = settings.SESSION_CACHE_ALIAS
    if settings.SESSION_ENGINE == SESSIONS_IN_FILES:
        fix = 'SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"'
        yield Tie("SESSION_ENGINE", "sessions are files", fix)
    elif settings.SESSION_ENGINE in SESSIONS_IN_A_CACHE and (place := _place_of_cache(settings, alias)):
        fix = f"set {name_of(CACHE, alias)}=redis://..."
        yield Tie("SESSION_ENGINE", f'sessions are in the cache "{alias}", which is {place}', fix)


def _storages(settings: Any) -> Iterator[Tie]:
    for alias, entry in settings.STORAGES.items():
        if alias != "staticfiles" and is_kind_of(entry.get("BACKEND", ""), FILES):
            fix = f"set {name_of(MEDIA, alias)}=s3://..."
            yield Tie("STORAGES", f'uploads of the storage "{alias}" are files', fix)


def _channel_layers(settings: Any) -> Iterator[Tie]:
    for alias, entry in (getattr(settings, "CHANNEL_LAYERS", None) or {}).items():
        if entry.get("BACKEND", "").endswith("InMemoryChannelLayer"):
            cause = f'the channel layer "{alias}" is in the memory of each process'
            yield Tie("CHANNEL_LAYERS", cause, "use channels_redis")


def _logs(settings: Any) -> Iterator[Tie]:
    for name, handler in (settings.LOGGING or {}).get("handlers", {}).items():
        if "filename" in handler:
            yield Tie("LOGGING", f'the log of the handler "{name}" is a file', "log to standard error")


def _place_of_cache(settings: Any, alias: str) -> str:
    """Return where a cache keeps its entries on this machine, or "" if it is a server."""
    backend = str(settings.CACHES.get(alias, {}).get("BACKEND", ""))
    return next((place for base, place in LOCAL_CACHES.items() if is_kind_of(backend, base)), "")
