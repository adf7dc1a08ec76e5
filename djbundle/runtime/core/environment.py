"""The environment that a bundle sets up for itself before anything else runs."""

import os
from pathlib import Path

from djbundle.contract import variables
from djbundle.runtime.core import local_time
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.verify_mode import is_verify_mode, record_absent_programs
from djbundle.runtime.core.virtual_root import show_files


def prepare_environment(bundle: Bundle) -> None:
    """Make new files private to this user, and replace the folders that an empty container lacks.

    Those are the folder for temporary files and the user's home.
    """
    os.umask(0o077)
    os.environ[variables.RELEASE] = f"{bundle.manifest.version} ({bundle.manifest.build.date})"
    if is_verify_mode():
        record_absent_programs(bundle.data)
    name_library_data(bundle)
    show_files(bundle)
    local_time.find_zones(bundle.root / "tzdata" / "zoneinfo")
    if "TMPDIR" not in os.environ and not Path("/tmp").is_dir():  # noqa: S108 - looked at, not written to
        os.environ["TMPDIR"] = str(bundle.data)
    if "HOME" not in os.environ and os.path.expanduser("~") == "~":  # noqa: PTH111 - pathlib's raises
        os.environ["HOME"] = str(bundle.data)


def name_library_data(bundle: Bundle) -> None:
    """Set the variables that tell libraries where their data lies in the bundle, unless they are set already."""
    for variable, name in bundle.manifest.library_data.items():
        os.environ.setdefault(variable, str(bundle.root / name))
