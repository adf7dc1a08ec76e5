"""What a bundle sets in its own environment before anything else runs."""

import os
from pathlib import Path

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.verify_mode import is_trial, note_absent_programs


def prepare_environment(bundle: Bundle) -> None:
    """Keep what is written from other users; stand in for what an empty container lacks: a folder for temporary files,
    and one that is the user's home.
    """
    os.umask(0o077)
    os.environ["DJBUNDLE_RELEASE"] = f"{bundle.manifest.version} ({bundle.manifest.build.date})"  # for djbundle.tasks
    if is_trial():
        note_absent_programs(bundle.data)
    name_library_data(bundle)
    if "TMPDIR" not in os.environ and not Path("/tmp").is_dir():  # noqa: S108 - looked at, not written to
        os.environ["TMPDIR"] = str(bundle.data)
    if "HOME" not in os.environ and os.path.expanduser("~") == "~":  # noqa: PTH111 - pathlib's raises
        os.environ["HOME"] = str(bundle.data)


def name_library_data(bundle: Bundle) -> None:
    """Tell libraries where the bundle has their data, unless somebody has named another place."""
    for variable, name in bundle.manifest.library_data.items():
        os.environ.setdefault(variable, str(bundle.root / name))
