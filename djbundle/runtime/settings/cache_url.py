"""``CACHE_URL`` names the Redis server of a cache, as ``redis://:password@host:6379/1?prefix=shop``."""

from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from djbundle.common import service_variables
from djbundle.errors import SettingsError
from djbundle.runtime.settings import services
from djbundle.runtime.settings.overlay import Overlay
from djbundle.runtime.settings.services import ServiceVariable

BACKEND = "django.core.cache.backends.redis.RedisCache"
SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "valkey": "redis",
    "valkeys": "rediss",
    "unix": "unix",
}  # and redis-py's
KEPT = ("TIMEOUT", "KEY_PREFIX", "KEY_FUNCTION", "VERSION")
EXAMPLE = "write it as in redis://:password@host:6379/1"


def use_caches(overlay: Overlay) -> None:
    """Move each cache whose variable is set. Sessions that are kept in it move with it."""
    caches: dict[str, dict[str, Any]] = overlay.get("CACHES") or {service_variables.DEFAULT_ALIAS: {}}
    if variables := services.find(overlay.bundle, service_variables.CACHE, caches):
        moved = {each.alias: _moved(caches[each.alias], each, overlay) for each in variables}
        overlay.set("CACHES", caches | moved, services.names(variables))


def _moved(entry: dict[str, Any], variable: ServiceVariable, overlay: Overlay) -> dict[str, Any]:
    """Return the entry of CACHES with the server of the URL. A Redis backend of the project stays, with its options.

    Sites and aliases that share a server have different prefixes.
    """
    location, prefix = _parse(variable)
    if find_spec("redis") is None:
        raise SettingsError(
            f"{variable.name} needs the package redis, which is not in this bundle",
            'pip install "djbundle[redis]" in the project, and build again',
        )
    is_redis = "redis" in str(entry.get("BACKEND", "")).lower()
    kept = entry if is_redis else {name: entry[name] for name in KEPT if name in entry} | {"BACKEND": BACKEND}
    name = overlay.bundle.manifest.name
    own_prefix = name if variable.alias == service_variables.DEFAULT_ALIAS else f"{name}.{variable.alias}"
    return kept | {"LOCATION": location, "KEY_PREFIX": prefix or kept.get("KEY_PREFIX") or own_prefix}


def _parse(variable: ServiceVariable) -> tuple[str, str]:
    """Return the URL as redis-py takes it, and the prefix of its keys, or ""."""
    try:
        parts = urlsplit(variable.url)
        _ = parts.port
    except ValueError:  # its message has the URL's parts
        raise SettingsError(f"{variable.name} is not a valid URL", EXAMPLE) from None
    if "://" not in variable.url:
        raise SettingsError(f"{variable.name} is not a URL", EXAMPLE)
    if parts.scheme not in SCHEMES:
        known = ", ".join(SCHEMES)
        raise SettingsError(f'{variable.name} has the unknown scheme "{parts.scheme}"', f"these are known: {known}")
    query = dict(parse_qsl(parts.query))
    prefix = query.pop("prefix", "")
    return parts._replace(scheme=SCHEMES[parts.scheme], query=urlencode(query)).geturl(), prefix
