"""Copy mode: a start of the bundle by `at`, with the data of a backup in a data directory of their own.

As in verify mode, nothing outside of the data directory is used: no database or cache that the live site has.
"""

import os

from djbundle.contract import variables
from djbundle.runtime.core.verify_mode import is_verify_mode

READ_ONLY, WRITABLE = "read-only", "writable"  # values of the variable


def is_copy_mode() -> bool:
    return bool(os.environ.get(variables.COPY_MODE))


def is_read_only() -> bool:
    return os.environ.get(variables.COPY_MODE) == READ_ONLY


def is_confined() -> bool:
    """Return whether this process may use nothing outside of its data directory."""
    return is_verify_mode() or is_copy_mode()
