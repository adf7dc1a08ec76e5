"""What stands in for the servers of a project while it is looked at: in a visit and in its second opinion, where no
network is, and in a build that does not reach them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CACHE = "djbundle.stand_ins.cache.CacheStandIn"
SERVER = re.compile(r"redis|valkey|memcache|://", re.IGNORECASE)  # in the backend or the place of a cache that is one
KEPT = ("TIMEOUT", "KEY_PREFIX", "KEY_FUNCTION", "VERSION")
UNLIMITED = {"MAX_ENTRIES": 1_000_000}  # no session of a visitor is to be dropped


def replace_caches(entries: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """For CACHES: in place of those `entries` that are servers, what keeps the same in `folder`, for all processes."""
    return {
        alias: {name: entry[name] for name in KEPT if name in entry}
        | {"BACKEND": CACHE, "LOCATION": str(folder / f"cache-{alias}"), "OPTIONS": UNLIMITED}
        for alias, entry in entries.items()
        if "BACKEND" in entry and SERVER.search(f"{entry['BACKEND']} {entry.get('LOCATION')}")
    }
