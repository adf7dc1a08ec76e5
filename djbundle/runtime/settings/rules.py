"""The settings overlay: it changes, in the project's settings module, the settings that cannot work in a bundle.

The module is imported as usual, so ``os.environ`` works. Before ``django.conf.settings`` is first read, the rules below
change settings that point into the read-only tree, and settings that only suit development. ``./shop config`` prints
every change and its reason.
"""

import os
import secrets
import traceback
from collections.abc import Callable
from types import ModuleType

from djbundle.contract import variables
from djbundle.errors import MissingVariableError, SettingsError
from djbundle.manifest import Manifest
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.verify_mode import is_verify_mode
from djbundle.runtime.logs import masking
from djbundle.runtime.logs.formats import error_line
from djbundle.runtime.logs.handler import logging_settings
from djbundle.runtime.move import url_file
from djbundle.runtime.settings import (
    broker,
    cache_url,
    copies,
    database_url,
    import_redirect,
    mail_timeout,
    media_url,
    relocation,
    secret_key,
    verify_mode,
)
from djbundle.runtime.settings.overlay import READ_ONLY_COMMANDS, Change, Overlay
from djbundle.settings_module import CLASS_VARIABLE, INSECURE_KEY, applying_changes, import_settings, like
from djbundle.storages import with_hashed_names

LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
KEY_VARIABLES = ("SECRET_KEY", "SECRET_KEY_BASE")  # container platforms set the second
STATIC_MIDDLEWARE = ("whitenoise.", "servestatic.")
OVERRIDES_FOLDER = "overrides"


def apply_overlay(bundle: Bundle, command: str = "") -> list[Change]:
    """Import the settings, change them and return the changes for ``config``."""
    name = name_settings(bundle.manifest)
    url_file.export(bundle.data)
    with import_redirect.redirected(bundle, is_dry=command in READ_ONLY_COMMANDS):
        module = _import(name, bundle)
    return change_settings(module, bundle, command)


def name_settings(manifest: Manifest) -> str:
    """Set the variables that name Django's settings, unless they are set; return the name of the module."""
    if manifest.settings_class:
        os.environ.setdefault(CLASS_VARIABLE, manifest.settings_class)
    return os.environ.setdefault(variables.SETTINGS_MODULE, manifest.settings_module)


def change_settings(module: ModuleType, bundle: Bundle, command: str = "") -> list[Change]:
    """Apply every rule to the imported settings."""
    overlay = Overlay(module, bundle, command)
    with applying_changes(module):
        for rule in RULES:
            rule(overlay)
    masking.learn({name: value for name, value in vars(module).items() if name.isupper()})
    return overlay.changes


def _import(name: str, bundle: Bundle) -> ModuleType:
    try:
        return import_settings(name)
    except Exception as error:  # a settings module may raise anything; the cause is what the user needs
        if missing := _missing_variables(error, bundle):
            raise _missing_variables_error(missing, bundle) from error
        raise SettingsError(
            f'the settings "{name}" do not import: {error_line(error)}', "correct the environment, or build again"
        ) from error


def _missing_variables(error: Exception, bundle: Bundle) -> dict[str, str]:
    """Return the variables that the settings lack, as the build and the error report them, with the place of each."""
    missing = {
        each.name: each.place for each in bundle.manifest.variables if each.needed and each.name not in os.environ
    }
    if isinstance(error, KeyError) and _comes_from_environment(error):
        missing.setdefault(str(error.args[0]), "")
    return missing


def _missing_variables_error(missing: dict[str, str], bundle: Bundle) -> MissingVariableError:
    names = ", ".join(f"{name} ({place})" if place else name for name, place in missing.items())
    word = "variable" if len(missing) == 1 else "variables"
    return MissingVariableError(
        f"the settings need the environment {word} {names}",
        "; ".join(f"{bundle.program} env set {name}" for name in missing),
    )


def _comes_from_environment(error: KeyError) -> bool:
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__") == "os"


def turn_off_debug(overlay: Overlay) -> None:
    if overlay.get("DEBUG", False):
        overlay.set("DEBUG", value=False, reason="a bundle serves customers")


def replace_secret_key(overlay: Overlay) -> None:
    """Replace a key that is missing or insecure, and in verify mode any key.

    A project may make a new key at each start, and a new key would end the crawler's session.
    """
    key = overlay.get("SECRET_KEY", "")
    if key and not str(key).startswith(INSECURE_KEY) and not is_verify_mode():
        return
    for variable in KEY_VARIABLES:
        if value := os.environ.get(variable):
            overlay.set("SECRET_KEY", value, variable)
            return
    path = overlay.bundle.data / secret_key.FILE_NAME
    if overlay.command not in READ_ONLY_COMMANDS or path.is_file():
        overlay.set("SECRET_KEY", secret_key.read_or_create(overlay.bundle.data), f"made once, kept in {path}")
    else:
        overlay.set("SECRET_KEY", secrets.token_urlsafe(), f"the first start makes another, and keeps it in {path}")


def allow_hosts(overlay: Overlay) -> None:
    names = [host.strip() for host in os.environ.get(variables.ALLOWED_HOSTS, "").split(",") if host.strip()]
    if names:
        overlay.set("ALLOWED_HOSTS", [*overlay.get("ALLOWED_HOSTS", []), *names], variables.ALLOWED_HOSTS)
    elif not overlay.get("ALLOWED_HOSTS"):
        overlay.set(
            "ALLOWED_HOSTS", LOCAL_HOSTS, f"it was empty; name your hosts in it or in {variables.ALLOWED_HOSTS}"
        )


def show_errors(overlay: Overlay) -> None:
    """Write errors to the output, where the operator looks for a traceback. Without DEBUG, Django only mails errors."""
    if not overlay.get("LOGGING"):
        overlay.set("LOGGING", logging_settings(), "it was empty; errors belong in the output of serve")


def use_bundled_static_files(overlay: Overlay) -> None:
    if storages := with_hashed_names(overlay.get("STORAGES")):
        overlay.set("STORAGES", storages, "static files have hashed names and are served from the bundle")
    collected = overlay.bundle.static_root
    overlay.set("STATIC_ROOT", like(overlay.get("STATIC_ROOT"), collected), "collected by the build")
    if value := overlay.get("COMPRESS_ROOT"):  # of django-compressor, which defaults to STATIC_ROOT
        overlay.set("COMPRESS_ROOT", like(value, collected), "compressed by the build")
    middleware = overlay.get("MIDDLEWARE", [])
    remaining = [name for name in middleware if not name.startswith(STATIC_MIDDLEWARE)]
    if remaining != list(middleware):
        overlay.set("MIDDLEWARE", remaining, "static files are answered before Django is entered")


def override_templates(overlay: Overlay) -> None:
    """Prefer a template in the data directory to the bundle's one of the same name, so a text can be fixed in place."""
    folder = overlay.bundle.data / OVERRIDES_FOLDER / "templates"
    if not folder.is_dir():
        return
    templates = [dict(engine) for engine in overlay.get("TEMPLATES", [])]
    for engine in templates:
        engine["DIRS"] = [str(folder), *engine.get("DIRS", [])]
    overlay.set("TEMPLATES", templates, f"templates in {folder} take precedence")


def add_commands(overlay: Overlay) -> None:
    """Add the app of ``serve``, ``version`` and ``config``. It is not recorded: it concerns no user."""
    overlay.module.INSTALLED_APPS = [*overlay.get("INSTALLED_APPS", []), "djbundle.runtime"]  # type: ignore[attr-defined]


RULES: list[Callable[[Overlay], None]] = [
    broker.use_broker,  # first: a wrong URL must change nothing
    database_url.use_databases,
    cache_url.use_caches,
    media_url.use_media_stores,
    turn_off_debug,
    replace_secret_key,
    allow_hosts,
    verify_mode.stay_in_data_directory,
    copies.hold_mail,
    relocation.move_databases,
    copies.make_read_only,
    relocation.move_media,
    relocation.move_folders,
    relocation.spool_uploads,
    relocation.move_mailers,
    mail_timeout.limit_mail_time,
    relocation.move_storages,
    relocation.move_caches,
    relocation.move_logs,
    show_errors,
    use_bundled_static_files,
    relocation.move_missing_paths,
    relocation.anchor_folders,
    override_templates,
    add_commands,
]
