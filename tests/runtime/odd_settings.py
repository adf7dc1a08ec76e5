"""Applies all rules of the settings overlay to odd settings, with the Django that this process finds.

Run ``python -m tests.runtime.odd_settings FOLDER``: prints a line for each setting that made a rule fail, or that
Django refuses afterwards.
"""

import itertools
import logging
import os
import sys
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import django
from django.conf import Settings, global_settings
from django.utils.functional import SimpleLazyObject, lazystr

from djbundle.contract import variables
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.database import sqlite
from djbundle.runtime.settings.rules import change_settings

SQLITE, FILE_CACHE = "django.db.backends.sqlite3", "django.core.cache.backends.filebased.FileBasedCache"
ODD: dict[str, list[Any]] = {  # values that Django accepts
    "ALLOWED_HOSTS": [(), ("shop.example",), []],
    "CACHES": [{}, {"default": {"BACKEND": FILE_CACHE}}, {"default": {"BACKEND": FILE_CACHE, "LOCATION": Path("c")}}],
    "COMPRESS_ROOT": [None, "", Path("out")],
    "DATABASES": [{}, {"default": {}}, {"default": {"ENGINE": SQLITE}}, {"default": {"ENGINE": SQLITE, "NAME": b"db"}}],
    "CSRF_TRUSTED_ORIGINS": [(), ("https://shop.example",)],
    "DATABASE_ROUTERS": [(), []],
    "DEBUG": [None, 0, 1, "yes"],
    "DEFAULT_FILE_STORAGE": [None],
    "EMAIL_FILE_PATH": [None, "", Path("mails")],
    "FILE_UPLOAD_TEMP_DIR": [None, "", Path("incoming")],
    "FIXTURE_DIRS": [(), [], ("fixtures",), (Path("fixtures"),)],
    "INSTALLED_APPS": [(), []],
    "LOCALE_PATHS": [(), [], ("locale",)],
    "LOGGING": [None, {}, {"version": 1}, {"version": 1, "handlers": {}}, {"version": 1, "handlers": {"a": {}}}],
    "MAILERS": [{}, {"default": {}}, {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}],
    "MEDIA_ROOT": ["", None, Path("up")],
    "MEDIA_URL": ["", None, "/media/", lazystr("/media/")],
    "MIDDLEWARE": [(), [], ("django.middleware.common.CommonMiddleware",)],
    "SECRET_KEY": ["", b"bytes", lazystr("lazy"), SimpleLazyObject(lambda: "lazy"), None],
    "SESSION_FILE_PATH": [None, "", Path("sessions")],
    "STATICFILES_DIRS": [(), [], (("pre", "static"),), ["static"]],
    "STATIC_ROOT": [None, "", Path("out")],
    "STATIC_URL": [None, "", "static/", lazystr("static/")],
    "STORAGES": [{}, {"default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}],
    "TASKS": [{}, {"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}],
    "TEMPLATES": [(), [], [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]],
}
FILES, MANIFEST = "django.core.files.storage.FileSystemStorage", "django.contrib.staticfiles.storage.StaticFilesStorage"
LOCMEM, TEMPLATE_ENGINE = (
    "django.core.cache.backends.locmem.LocMemCache",
    "django.template.backends.django.DjangoTemplates",
)
# Entries of settings that are dictionaries: with what Django takes for empty, and with texts that are lazy or paths.
ODD_ENTRIES: dict[str, list[Any]] = {
    "CACHES": [
        {"default": {"BACKEND": LOCMEM}, "files": {"BACKEND": FILE_CACHE, "LOCATION": "/djb/c", "OPTIONS": {}}},
        {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache", "LOCATION": None}},
        {"default": {"BACKEND": LOCMEM, "TIMEOUT": None, "OPTIONS": None}},
    ],
    "DATABASES": [
        {"default": {"ENGINE": SQLITE, "NAME": Path("db")}},
        {"default": {"ENGINE": SQLITE, "NAME": lazystr("db")}},
        {"default": {"ENGINE": SQLITE, "NAME": ":memory:"}},
        {"default": {"ENGINE": SQLITE, "NAME": ""}},
        {"default": {"ENGINE": SQLITE, "NAME": None}},
        {"default": {"ENGINE": SQLITE, "NAME": "db", "OPTIONS": {"init_command": None, "transaction_mode": None}}},
        {"default": {"ENGINE": SQLITE, "NAME": "file:db?mode=ro", "OPTIONS": {"uri": True}}},
        {"default": {"ENGINE": SQLITE, "NAME": "file:memorydb?mode=memory&cache=shared"}},
        {"default": {"ENGINE": SQLITE, "NAME": "db", "TEST": None}},
        {"default": {}, "other": {"ENGINE": SQLITE, "NAME": "other"}},
        {"default": {"ENGINE": ""}},
        {"default": {"ENGINE": "django.db.backends.dummy"}},
    ],
    "LOGGING": [
        {"version": 1, "handlers": {"a": {"class": "logging.FileHandler", "filename": Path("a.log")}}},
        {"version": 1, "handlers": {"a": {"class": "logging.FileHandler", "filename": b"a.log"}}},
        {"version": 1, "handlers": {"a": {"class": "logging.FileHandler", "filename": "ext://os.devnull"}}},
        {"version": 1, "handlers": {"a": {"()": "logging.StreamHandler"}}},
        {"version": 1, "handlers": {"a": {"()": logging.StreamHandler}}},
        {"version": 1, "handlers": {"a": {"class": logging.StreamHandler}}},
        {"version": 1, "incremental": True},
        {"version": 1, "root": {"level": "INFO"}, "loggers": {}, "formatters": {}, "filters": {}},
    ],
    "STORAGES": [
        {"default": {"BACKEND": FILES}},
        {"default": {"BACKEND": FILES, "OPTIONS": {}}},
        {"default": {"BACKEND": FILES, "OPTIONS": {"location": Path("up"), "base_url": lazystr("/up/")}}},
        {"default": {"BACKEND": FILES, "OPTIONS": {"location": None, "base_url": None}}},
        {"staticfiles": {"BACKEND": MANIFEST}},
        {"staticfiles": {"BACKEND": MANIFEST, "OPTIONS": {}}},
        {"other": {"BACKEND": FILES, "OPTIONS": {"location": "elsewhere"}}},
    ],
    "TASKS": [
        {"default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend", "OPTIONS": {}, "QUEUES": ()}}
    ],
    "TEMPLATES": [
        ({"BACKEND": TEMPLATE_ENGINE, "DIRS": (), "OPTIONS": {}},),
        [{"BACKEND": TEMPLATE_ENGINE, "DIRS": (Path("t"), "u"), "APP_DIRS": None}],
        [{"BACKEND": TEMPLATE_ENGINE, "OPTIONS": {"loaders": (), "context_processors": ()}}],
        [{"BACKEND": "django.template.backends.jinja2.Jinja2", "NAME": "jinja"}],
    ],
    "EMAIL_BACKEND": ["", None, lazystr("django.core.mail.backends.dummy.EmailBackend")],
    "LOGGING_CONFIG": [None, ""],
    "SECRET_KEY_FALLBACKS": [(), [], ("old",), [b"old"]],
    "SECURE_PROXY_SSL_HEADER": [None, (), ("HTTP_X_FORWARDED_PROTO", "https")],
    "SESSION_ENGINE": ["django.contrib.sessions.backends.file", "django.contrib.sessions.backends.signed_cookies"],
    "STATICFILES_FINDERS": [(), []],
    "TIME_ZONE": ["", None],
    "WSGI_APPLICATION": [None, ""],
}
COMMANDS = ("serve", "config", "migrate")


def modules() -> Iterator[tuple[str, ModuleType]]:
    """Yield settings modules, each with a text that says what is odd."""
    yield "all of Django's defaults", module_of({name: getattr(global_settings, name) for name in dir(global_settings)})
    yield "nothing", module_of({})
    for name, values in (*ODD.items(), *ODD_ENTRIES.items()):
        if hasattr(global_settings, name) or name in ("COMPRESS_ROOT", "TASKS"):
            for value in values:
                yield f"{name} = {value!r}", module_of({name: value})


def module_of(values: dict[str, Any]) -> ModuleType:
    module = types.ModuleType("odd_site_settings")
    vars(module).update({name: value for name, value in values.items() if name.isupper()})
    vars(module).setdefault("SECRET_KEY", "a key of the project")
    return module


def fault_of(module: ModuleType, folder: Path, command: str) -> str:
    """Return the last line of what a rule, or Django afterwards, raises; "" if nothing does."""
    manifest: Any = SimpleNamespace(name="shop", static_root="_static", interface="wsgi", variables=())
    bundle = Bundle(folder / "tree", manifest, "./shop", folder / "data")
    sys.modules[module.__name__] = module
    try:
        change_settings(module, bundle, command)
        Settings(module.__name__)
    except Exception:
        return traceback.format_exc().strip().splitlines()[-1]
    return ""


def faults(folder: Path) -> Iterator[str]:
    for command, verifies in itertools.product(COMMANDS, ("", "1")):
        os.environ[variables.VERIFY_MODE] = verifies
        for number, (text, module) in enumerate(modules()):
            own = folder / f"{command}{verifies}-{number}"
            (own / "data").mkdir(parents=True)
            if fault := fault_of(module, own, command):
                yield f"{command}, verify mode {verifies or 0}: {text}: {fault}"


if __name__ == "__main__":
    vars(sqlite)["check_version"] = lambda: None  # this interpreter's may be older than a bundle's
    print(f"Django {django.__version__}, {len(list(modules()))} settings", file=sys.stderr)
    print(*faults(Path(sys.argv[1])), sep="\n")
