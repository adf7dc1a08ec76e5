"""Collect the project's static files as the bundle will serve them. Runs in the probe."""

import re
import shutil
import traceback
from pathlib import Path
from typing import Any

from djbundle.common.child import ChildDiedError, run_in_child
from djbundle.settings_module import like
from djbundle.storages import with_hashed_names

# Copies that `collectstatic` and its storages make of a file, and their list of the copies.
DERIVED_NAME = re.compile(r"(.*)\.[0-9a-f]{12}(\.[^/]*|)$|(.*)\.(?:gz|br|zst)$")
MANIFESTS = frozenset({"staticfiles.json"})


class CompressError(Exception):
    """``manage.py compress`` failed."""


def prepare_static_files(module: Any, folder: Path) -> None:
    """Point ``collectstatic`` at `folder`, and hash names unless the project has its own storage."""
    if storages := with_hashed_names(getattr(module, "STORAGES", None)):
        module.STORAGES = storages
    module.STATIC_ROOT = like(getattr(module, "STATIC_ROOT", None), folder)
    if hasattr(module, "COMPRESS_ROOT"):
        module.COMPRESS_ROOT = like(module.COMPRESS_ROOT, folder)


def collect_static_files(static_root: str) -> bool:
    """Collect the static files and return True; return False if the project's storage is remote.

    Files in a remote storage are not part of the bundle. `static_root` is the project's own STATIC_ROOT, to which a
    frontend build may have written files too.
    """
    from django.apps import apps  # noqa: PLC0415 - the settings come first
    from django.core.files.storage import FileSystemStorage, storages  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    storage = storages["staticfiles"] if apps.is_installed("django.contrib.staticfiles") else None
    if not isinstance(storage, FileSystemStorage):
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    if static_root and Path(static_root).is_dir():
        copy_other_files(Path(static_root), Path(storage.location))
    _compress_offline()
    return True


def copy_other_files(static_root: Path, folder: Path) -> None:
    """Copy files that another tool put into `static_root`, but no results of `collectstatic`, old or new."""
    for path in static_root.rglob("*"):
        name = path.relative_to(static_root)
        if (
            path.is_file()
            and name.name not in MANIFESTS
            and not (folder / name).exists()
            and not _is_derived(name, folder)
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)


def _is_derived(name: Path, folder: Path) -> bool:
    """Return whether `name` is a hashed or compressed copy of a file that exists."""
    match = DERIVED_NAME.fullmatch(str(name))
    if not match:
        return False
    hashed, end, plain = match.groups()
    original = plain if hashed is None else f"{hashed}{end}"
    return (folder / original).exists() or _is_derived(Path(original), folder)


def _compress_offline() -> None:
    """Run django-compressor's ``compress``, if the project uses it.

    It runs in a child process, because the bundle needs none of the modules that it loads.
    """
    from django.apps import apps  # noqa: PLC0415 - as above
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    switches = (getattr(settings, name, False) for name in ("COMPRESS_ENABLED", "COMPRESS_OFFLINE"))
    if not (apps.is_installed("compressor") and all(switches)):
        return

    def compress() -> str:
        try:
            call_command("compress", verbosity=0)
        except BaseException as error:
            return traceback.format_exception_only(error)[-1].strip()
        return ""

    try:
        message = run_in_child(compress)
    except ChildDiedError:
        message = "its process was killed"
    if message:
        raise CompressError(message)
