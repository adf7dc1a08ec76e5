"""The settings overlay: the project's settings module, with what cannot work in a bundle changed in place.

The module is imported as everywhere, so ``os.environ`` works. Before ``django.conf.settings`` is first read, each rule
below changes what points into the tree, where nothing can be written, or what is only good for development.
``./shop config`` prints every change and why it was made.
"""

import copy
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from djbundle.errors import MissingVariableError, SettingsError
from djbundle.manifest import Manifest
from djbundle.runtime import filesystem, secret_key, settings_files, sqlite
from djbundle.runtime.bundle import Bundle
from djbundle.runtime.logs import masking
from djbundle.runtime.logs.handler import logging_settings
from djbundle.runtime.paths import create_data_directory
from djbundle.settings_module import CLASS_VARIABLE, changing, import_settings, like
from djbundle.storages import with_hashed_names

SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"
HOSTS_VARIABLE = "DJBUNDLE_ALLOWED_HOSTS"
LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
KEY_VARIABLES = ("SECRET_KEY", "SECRET_KEY_BASE")  # the second is what platforms for containers give
INSECURE_KEY = "django-insecure-"  # what startproject writes
STATIC_MIDDLEWARE = ("whitenoise.", "servestatic.")
UPLOADS_FOLDER = "incoming"
OVERRIDES_FOLDER = "overrides"
OUTSIDE_FOLDER = "outside"  # for what the settings have elsewhere, where nothing can be written
TEMPORARY = Path("/tmp")  # noqa: S108 - looked at, not written to
TRIAL_VARIABLE = "DJBUNDLE_TRIAL"  # set by `djbundle verify`
TRIAL_ENGINES = "DJBUNDLE_ENGINES"  # the setting that keeps the engines of the databases which others stand in for
DUMMY_MAIL = "django.core.mail.backends.dummy.EmailBackend"
FROM_PROJECT = "relative folders are those of the project"
READ_ONLY_COMMANDS = ("help", "diffsettings", "config")  # they write nothing, not even a secret key


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that the overlay changed."""

    setting: str
    value: object
    reason: str


@dataclass(slots=True)
class Overlay:
    """The project's settings module while the rules work on it."""

    module: ModuleType
    bundle: Bundle
    command: str
    changes: list[Change] = field(default_factory=list)

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self.module, name, default)

    def set(self, name: str, value: object, reason: str) -> None:
        setattr(self.module, name, value)
        self.changes.append(Change(name, copy.deepcopy(value), reason))  # Django fills its defaults into the original

    def moved(self, path: str | os.PathLike[str]) -> Path | None:
        """The place in the data directory for a path in the tree, or for a relative one; None where it may stay.

        A trial writes nothing elsewhere, and an empty container has no /tmp.
        """
        target, data = Path(path), self.bundle.data
        if not target.is_absolute():
            return data / target
        if self.bundle.is_inside(target):
            return data / target.relative_to(self.bundle.root)
        if target.is_relative_to(data):
            return None
        if is_trial() or (target.is_relative_to(TEMPORARY) and not TEMPORARY.is_dir()):
            return data / OUTSIDE_FOLDER / target.relative_to("/")
        return None

    def make_folder(self, folder: Path) -> None:
        """Where a database is to be made; only in the data directory, and not to answer a question."""
        if folder.is_relative_to(self.bundle.data) and self.command not in READ_ONLY_COMMANDS:
            create_data_directory(self.bundle.data)
            folder.mkdir(parents=True, exist_ok=True)


def apply_overlay(bundle: Bundle, command: str = "") -> list[Change]:
    """Import the settings and change them; the changes are returned for ``config``."""
    name = name_settings(bundle.manifest)
    with settings_files.redirected(bundle, is_dry=command in READ_ONLY_COMMANDS):
        module = _import(name, bundle)
    return change_settings(module, bundle, command)


def name_settings(manifest: Manifest) -> str:
    """Tell Django which settings there are, unless somebody has; the module."""
    if manifest.settings_class:
        os.environ.setdefault(CLASS_VARIABLE, manifest.settings_class)
    return os.environ.setdefault(SETTINGS_VARIABLE, manifest.settings_module)


def change_settings(module: ModuleType, bundle: Bundle, command: str = "") -> list[Change]:
    """Apply every rule to the imported settings."""
    overlay = Overlay(module, bundle, command)
    with changing(module):
        for rule in RULES:
            rule(overlay)
    masking.learn({name: value for name, value in vars(module).items() if name.isupper()})
    return overlay.changes


def _import(name: str, bundle: Bundle) -> ModuleType:
    try:
        return import_settings(name)
    except Exception as error:  # a settings module may raise anything; the cause is what the user needs
        if missing := _missing_variables(error, bundle):
            raise _lacking(missing, bundle) from error
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise SettingsError(
            f'the settings "{name}" do not import: {said}', "correct the environment, or build again"
        ) from error


def _missing_variables(error: Exception, bundle: Bundle) -> dict[str, str]:
    """What the settings need and have not got, and where they read it: as the build saw it, and as the error says."""
    missing = {
        each.name: each.place for each in bundle.manifest.variables if each.needed and each.name not in os.environ
    }
    if isinstance(error, KeyError) and _comes_from_environment(error):
        missing.setdefault(str(error.args[0]), "")
    return missing


def _lacking(missing: dict[str, str], bundle: Bundle) -> MissingVariableError:
    named = ", ".join(f"{name} ({place})" if place else name for name, place in missing.items())
    given = " ".join(f"{name}=VALUE" for name in missing)
    word = "variable" if len(missing) == 1 else "variables"
    return MissingVariableError(f"the settings need the environment {word} {named}", f"{given} {bundle.program} ...")


def _comes_from_environment(error: KeyError) -> bool:
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__") == "os"


def turn_off_debug(overlay: Overlay) -> None:
    if overlay.get("DEBUG", False):
        overlay.set("DEBUG", value=False, reason="a bundle serves customers")


def replace_secret_key(overlay: Overlay) -> None:
    """In a trial any key: a project may make one at each start, and with another one the visitor's session is void."""
    key = overlay.get("SECRET_KEY", "")
    if key and not str(key).startswith(INSECURE_KEY) and not is_trial():
        return
    for variable in KEY_VARIABLES:
        if given := os.environ.get(variable):
            overlay.set("SECRET_KEY", given, variable)
            return
    if overlay.command not in READ_ONLY_COMMANDS:
        path = overlay.bundle.data / secret_key.FILE_NAME
        overlay.set("SECRET_KEY", secret_key.read_or_create(overlay.bundle.data), f"made once, kept in {path}")


def allow_hosts(overlay: Overlay) -> None:
    named = [host.strip() for host in os.environ.get(HOSTS_VARIABLE, "").split(",") if host.strip()]
    if named:
        overlay.set("ALLOWED_HOSTS", [*overlay.get("ALLOWED_HOSTS", []), *named], HOSTS_VARIABLE)
    elif not overlay.get("ALLOWED_HOSTS"):
        overlay.set("ALLOWED_HOSTS", LOCAL_HOSTS, f"it was empty; name your hosts in it or in {HOSTS_VARIABLE}")


def is_trial() -> bool:
    """Whether `djbundle verify` has started this bundle."""
    return bool(os.environ.get(TRIAL_VARIABLE))


def stay_in_data_directory(overlay: Overlay) -> None:
    """For a trial of the bundle: no database but SQLite in the data directory, and no mail."""
    if not is_trial():
        return
    databases = overlay.get("DATABASES", {})
    overlay.set(TRIAL_ENGINES, {entry.get("ENGINE", "") for entry in databases.values()}, TRIAL_VARIABLE)
    stand_ins = {
        alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": str(overlay.bundle.data / f"{alias}.sqlite3")}
        for alias, entry in databases.items()
        if entry.get("ENGINE") not in sqlite.ENGINES
    }
    overlay.set("DATABASES", databases | stand_ins, TRIAL_VARIABLE)
    if mailers := overlay.get("MAILERS"):
        overlay.set("MAILERS", {name: {"BACKEND": DUMMY_MAIL} for name in mailers}, TRIAL_VARIABLE)
    else:
        overlay.set("EMAIL_BACKEND", DUMMY_MAIL, TRIAL_VARIABLE)


def move_databases(overlay: Overlay) -> None:
    databases = {alias: dict(entry) for alias, entry in overlay.get("DATABASES", {}).items()}
    for entry in databases.values():
        if entry.get("ENGINE") not in sqlite.ENGINES:
            continue
        sqlite.check_version()
        if named := sqlite.file_of(entry.get("NAME")):
            path = overlay.moved(named) or named
            entry["NAME"] = like(entry["NAME"], path)
            filesystem.refuse_network(path)
            overlay.make_folder(path.parent)
        entry["OPTIONS"] = sqlite.OPTIONS | entry.get("OPTIONS", {})
        if overlay.bundle.manifest.interface == "wsgi":  # ASGI has a thread for each request, which ends with it
            entry.setdefault("CONN_MAX_AGE", None)  # opening a database takes as long as a query or two
    if databases != overlay.get("DATABASES", {}):
        overlay.set("DATABASES", databases, "SQLite lives in the data directory, with safe options")


def move_media(overlay: Overlay) -> None:
    given = overlay.get("MEDIA_ROOT")
    if media := overlay.moved(given or "media"):
        overlay.set("MEDIA_ROOT", like(given, media), "uploads live in the data directory")


def move_folders(overlay: Overlay) -> None:
    for name in ("EMAIL_FILE_PATH", "SESSION_FILE_PATH", "FILE_UPLOAD_TEMP_DIR"):
        value = overlay.get(name)
        if value and (target := overlay.moved(value)):
            target.mkdir(parents=True, exist_ok=True)
            overlay.set(name, like(value, target), "files are written to the data directory")


def spool_uploads(overlay: Overlay) -> None:
    """Beside the uploads, so that a large one is moved there and not copied; /tmp is often memory."""
    if not overlay.get("FILE_UPLOAD_TEMP_DIR") and overlay.command == "serve":
        folder = overlay.bundle.data / UPLOADS_FOLDER
        folder.mkdir(exist_ok=True)
        overlay.set("FILE_UPLOAD_TEMP_DIR", str(folder), "uploads are received in the data directory")


def move_mailers(overlay: Overlay) -> None:
    """The file backend of MAILERS, which take the place of EMAIL_FILE_PATH in Django 6.1."""
    mailers = copy.deepcopy(overlay.get("MAILERS") or {})
    for mailer in mailers.values():
        options = mailer.get("OPTIONS", {})
        if "file_path" in options and (target := overlay.moved(options["file_path"])):
            options["file_path"] = like(options["file_path"], target)
    if mailers != (overlay.get("MAILERS") or {}):
        overlay.set("MAILERS", mailers, "files are written to the data directory")


def move_storages(overlay: Overlay) -> None:
    """Those with a folder of their own; that of the static files is none which a site writes to."""
    storages = copy.deepcopy(overlay.get("STORAGES") or {})
    for alias, storage in storages.items():
        options = storage.get("OPTIONS", {})
        if alias != "staticfiles" and "location" in options and (target := overlay.moved(options["location"])):
            options["location"] = like(options["location"], target)
    if storages != (overlay.get("STORAGES") or {}):
        overlay.set("STORAGES", storages, "files are written to the data directory")


def move_caches(overlay: Overlay) -> None:
    caches = {alias: dict(entry) for alias, entry in overlay.get("CACHES", {}).items()}
    for entry in caches.values():
        if str(entry.get("BACKEND", "")).endswith("FileBasedCache") and (target := overlay.moved(entry["LOCATION"])):
            entry["LOCATION"] = like(entry["LOCATION"], target)
    if caches != overlay.get("CACHES", {}):
        overlay.set("CACHES", caches, "files are written to the data directory")


def move_logs(overlay: Overlay) -> None:
    logging = overlay.get("LOGGING") or {}
    handlers = {name: dict(handler) for name, handler in logging.get("handlers", {}).items()}
    for handler in handlers.values():
        if "filename" in handler and (target := overlay.moved(handler["filename"])):
            target.parent.mkdir(parents=True, exist_ok=True)
            handler["filename"] = like(handler["filename"], target)
    if handlers != logging.get("handlers", {}):
        overlay.set("LOGGING", logging | {"handlers": handlers}, "files are written to the data directory")


def move_absent(overlay: Overlay) -> None:
    """Whatever else names a place in the tree where nothing is: an index for searching, private uploads. It is to be
    written, since it cannot be read. Lists are of folders to look into, and stay.
    """
    for name, value in list(vars(overlay.module).items()):
        if name.isupper() and (moved := _without_absent(value, overlay)) is not value:
            overlay.set(name, moved, "it is not in the bundle, and so lies in the data directory")


def _without_absent(value: Any, overlay: Overlay) -> Any:
    """The same object where there is nothing to move."""
    if isinstance(value, dict):
        changed = {key: _without_absent(item, overlay) for key, item in value.items()}
        return changed if any(changed[key] is not item for key, item in value.items()) else value
    if not isinstance(value, str | Path) or not str(value).startswith("/"):
        return value
    path = Path(value)
    if not overlay.bundle.is_inside(path) or path.exists():
        return value
    return like(value, overlay.bundle.data / path.relative_to(overlay.bundle.root))


def show_errors(overlay: Overlay) -> None:
    """Without DEBUG, Django only mails errors; who runs a bundle must find the traceback in its output."""
    if not overlay.get("LOGGING"):
        overlay.set("LOGGING", logging_settings(), "it was empty; errors belong in the output of serve")


def use_bundled_static_files(overlay: Overlay) -> None:
    if storages := with_hashed_names(overlay.get("STORAGES")):
        overlay.set("STORAGES", storages, "static files have hashed names and are served from the bundle")
    collected = overlay.bundle.static_root
    overlay.set("STATIC_ROOT", like(overlay.get("STATIC_ROOT"), collected), "collected by the build")
    if given := overlay.get("COMPRESS_ROOT"):  # of django-compressor, which takes STATIC_ROOT by itself
        overlay.set("COMPRESS_ROOT", like(given, collected), "compressed by the build")
    middleware = overlay.get("MIDDLEWARE", [])
    kept = [name for name in middleware if not name.startswith(STATIC_MIDDLEWARE)]
    if kept != list(middleware):
        overlay.set("MIDDLEWARE", kept, "static files are answered before Django is entered")


def anchor_folders(overlay: Overlay) -> None:
    """Relative folders to look into: they are meant from the project's, in which manage.py is started."""

    def anchored(folders: Any) -> Any:
        """The same object where there is nothing to change."""
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


def override_templates(overlay: Overlay) -> None:
    """A template in the data directory goes before the one of the same name in the bundle: to mend a text in place."""
    folder = overlay.bundle.data / OVERRIDES_FOLDER / "templates"
    if not folder.is_dir():
        return
    templates = [dict(engine) for engine in overlay.get("TEMPLATES", [])]
    for engine in templates:
        engine["DIRS"] = [str(folder), *engine.get("DIRS", [])]
    overlay.set("TEMPLATES", templates, f"templates in {folder} go first")


def add_commands(overlay: Overlay) -> None:
    """Add the app of ``serve``, ``version`` and ``config``; not a change that concerns anybody."""
    overlay.module.INSTALLED_APPS = [*overlay.get("INSTALLED_APPS", []), "djbundle.runtime"]  # type: ignore[attr-defined]


RULES: list[Callable[[Overlay], None]] = [
    turn_off_debug,
    replace_secret_key,
    allow_hosts,
    stay_in_data_directory,
    move_databases,
    move_media,
    move_folders,
    spool_uploads,
    move_mailers,
    move_storages,
    move_caches,
    move_logs,
    show_errors,
    use_bundled_static_files,
    move_absent,
    anchor_folders,
    override_templates,
    add_commands,
]
