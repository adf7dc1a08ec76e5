"""Rules of the overlay for paths in the settings: written paths go to the data directory, read paths to the tree."""

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from djbundle.common.backends import FILE_CACHE, FILES, is_kind_of, is_sqlite
from djbundle.common.sqlite_uris import file_opened_for_reading
from djbundle.runtime.core.data_directory import own_name
from djbundle.runtime.core.verify_mode import is_verify_mode
from djbundle.runtime.database import filesystem, sqlite
from djbundle.runtime.settings.overlay import Overlay
from djbundle.settings_module import like

UPLOADS_FOLDER = "incoming"
CACHE_FOLDER = "cache"  # of a cache in files that names none, and would use the folder in which the process stands
FROM_PROJECT = "relative folders are those of the project"


def move_databases(overlay: Overlay) -> None:
    databases = {alias: dict(entry) for alias, entry in overlay.get("DATABASES", {}).items()}
    for entry in databases.values():
        if not is_sqlite(entry.get("ENGINE", "")):
            continue
        if not is_verify_mode():  # there SQLite replaces the server, and its data are deleted
            sqlite.check_version()
        if name := sqlite.file_of(entry.get("NAME")):
            path = overlay.moved(name) or name
            entry["NAME"] = like(entry["NAME"], path)
            filesystem.refuse_network(path)
            overlay.make_folder(path.parent)
        if file_opened_for_reading(entry.get("NAME")) is None:
            entry["OPTIONS"] = sqlite.with_safe_options(entry.get("OPTIONS", {}))
        if overlay.bundle.manifest.interface == "wsgi":  # with ASGI, a request has a thread that ends with it
            entry.setdefault("CONN_MAX_AGE", None)  # opening a database takes as long as a query or two
    if databases != overlay.get("DATABASES", {}):
        overlay.set("DATABASES", databases, "SQLite lives in the data directory, with safe options")


def move_media(overlay: Overlay) -> None:
    value = overlay.get("MEDIA_ROOT")
    if media := overlay.moved(value or "media"):
        overlay.set("MEDIA_ROOT", like(value, media), "uploads live in the data directory")


def move_folders(overlay: Overlay) -> None:
    for name in ("EMAIL_FILE_PATH", "SESSION_FILE_PATH", "FILE_UPLOAD_TEMP_DIR"):
        value = overlay.get(name)
        if value and (target := overlay.moved(value)):
            _make_folder(target)
            overlay.set(name, like(value, target), "files are written to the data directory")


def spool_uploads(overlay: Overlay) -> None:
    """Receive uploads in the data directory, so a large one is moved there and not copied; /tmp is often memory."""
    if not overlay.get("FILE_UPLOAD_TEMP_DIR") and overlay.command == "serve":
        folder = overlay.bundle.data / UPLOADS_FOLDER
        _make_folder(folder)
        overlay.set("FILE_UPLOAD_TEMP_DIR", str(folder), "uploads are received in the data directory")


def move_mailers(overlay: Overlay) -> None:
    """Move the folders of the file backend in MAILERS, which replaces EMAIL_FILE_PATH in Django 6.1."""
    mailers = copy.deepcopy(overlay.get("MAILERS") or {})
    for mailer in mailers.values():
        options = mailer.get("OPTIONS", {})
        if "file_path" in options and (target := overlay.moved(options["file_path"])):
            options["file_path"] = like(options["file_path"], target)
    if mailers != (overlay.get("MAILERS") or {}):
        overlay.set("MAILERS", mailers, "files are written to the data directory")


def move_storages(overlay: Overlay) -> None:
    """Move the storages with a folder of their own, except that of the static files: a site does not write to it."""
    storages = copy.deepcopy(overlay.get("STORAGES") or {})
    for alias, storage in storages.items():
        options = storage.get("OPTIONS", {})
        if alias != "staticfiles" and _has_folder(storage) and (target := overlay.moved(options["location"])):
            options["location"] = like(options["location"], target)
    if storages != (overlay.get("STORAGES") or {}):
        overlay.set("STORAGES", storages, "files are written to the data directory")


def _has_folder(storage: Mapping[str, Any]) -> bool:
    """Return whether the option "location" is a folder. In a bucket it is a prefix, and looks like a relative path."""
    location = storage.get("OPTIONS", {}).get("location", "")
    is_of_files = is_kind_of(str(storage.get("BACKEND", "")), FILES)
    return bool(location) and (is_of_files or Path(location).is_absolute())


def move_caches(overlay: Overlay) -> None:
    caches = {alias: dict(entry) for alias, entry in overlay.get("CACHES", {}).items()}
    for entry in caches.values():
        if is_kind_of(str(entry.get("BACKEND", "")), FILE_CACHE):
            location = entry.get("LOCATION") or CACHE_FOLDER
            if target := overlay.moved(location) or overlay.out_of_shared(location):
                entry["LOCATION"] = like(location, target)
    if caches != overlay.get("CACHES", {}):
        overlay.set("CACHES", caches, "files are written to the data directory")


def move_logs(overlay: Overlay) -> None:
    logging = overlay.get("LOGGING") or {}
    handlers = {name: dict(handler) for name, handler in logging.get("handlers", {}).items()}
    for handler in handlers.values():
        file = _log_file(handler.get("filename"))
        if file and (target := overlay.moved(file)):
            _make_folder(target.parent)
            handler["filename"] = like(file, target)
    if handlers != logging.get("handlers", {}):
        overlay.set("LOGGING", logging | {"handlers": handlers}, "files are written to the data directory")


def _log_file(name: Any) -> str | Path | None:
    """Return the name of a log file; None for a reference, such as ``ext://shop.settings.LOG_FILE``."""
    if isinstance(name, bytes):
        return os.fsdecode(name)
    is_reference = isinstance(name, str) and name.startswith(("cfg://", "ext://"))
    return name if isinstance(name, str | Path) and not is_reference else None


def move_missing_paths(overlay: Overlay) -> None:
    """Move all other settings that name a path in the tree where nothing exists: a search index, private uploads.

    The site must want to write there, since there is nothing to read. Lists stay, because they are folders to search.
    """
    for name, value in list(vars(overlay.module).items()):
        if name.isupper() and (moved := _with_missing_moved(value, overlay)) is not value:
            overlay.set(name, moved, "it is not in the bundle, and so lies in the data directory")


def _with_missing_moved(value: Any, overlay: Overlay) -> Any:
    """Return `value` with its absent paths moved; the same object where there is nothing to move."""
    if isinstance(value, dict):
        changed = {key: _with_missing_moved(item, overlay) for key, item in value.items()}
        return changed if any(changed[key] is not item for key, item in value.items()) else value
    if not isinstance(value, str | Path) or not str(value).startswith("/"):
        return value
    place = overlay.bundle.in_data(Path(value))
    return value if place is None or Path(value).exists() else like(value, place)


def anchor_folders(overlay: Overlay) -> None:
    """Make relative search folders absolute, starting at the project's folder, where manage.py is started."""

    def anchored(folders: Any) -> Any:
        """Return the absolute folders; the same object where there is nothing to change."""
        places = [place(each) for each in folders]
        return places if any(str(new) != str(old) for new, old in zip(places, folders, strict=True)) else folders

    def place(folder: Any) -> Any:
        if isinstance(folder, str | Path):
            return like(folder, overlay.bundle.root / folder)
        prefix, path = folder  # of STATICFILES_DIRS
        return prefix, place(path)

    for name in ("LOCALE_PATHS", "FIXTURE_DIRS", "STATICFILES_DIRS"):
        folders = overlay.get(name, ())
        if (places := anchored(folders)) is not folders:
            overlay.set(name, places, FROM_PROJECT)
    templates = overlay.get("TEMPLATES", [])
    engines = [engine | {"DIRS": anchored(engine["DIRS"])} if "DIRS" in engine else engine for engine in templates]
    if engines != templates:
        overlay.set("TEMPLATES", engines, FROM_PROJECT)


def _make_folder(folder: Path) -> None:
    with own_name(folder):
        folder.mkdir(parents=True, exist_ok=True)
