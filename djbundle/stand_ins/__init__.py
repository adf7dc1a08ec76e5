"""Stand-ins for a project's cache servers while djbundle inspects or crawls it.

The crawl and the second opinion after it have no network. A build uses stand-ins if it cannot reach the servers.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CACHE = "djbundle.stand_ins.cache.CacheStandIn"
SERVER = re.compile(r"redis|valkey|memcache|://", re.IGNORECASE)  # in the backend or location of a cache server
KEPT = ("TIMEOUT", "KEY_PREFIX", "KEY_FUNCTION", "VERSION")
UNLIMITED = {"MAX_ENTRIES": 1_000_000}  # the crawler's sessions must not be dropped


def replace_caches(entries: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """Return replacements for the caches in `entries` that are servers.

    They are caches in files in `folder`, which all processes share.
    """
    return {
        alias: {name: entry[name] for name in KEPT if name in entry}
        | {"BACKEND": CACHE, "LOCATION": str(folder / f"cache-{alias}"), "OPTIONS": UNLIMITED}
        for alias, entry in entries.items()
        if "BACKEND" in entry and SERVER.search(f"{entry['BACKEND']} {entry.get('LOCATION')}")
    }
