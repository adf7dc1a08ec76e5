"""The facts that the report of probe.py holds about a project that Django has loaded."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from djbundle.builder.inspection import source_reads
from djbundle.common.machine_ties import Tie, ties_in


def collect_facts(static_root: str, *, start: list[str], collected: bool) -> dict[str, Any]:
    import django  # noqa: PLC0415
    from django.apps import apps  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    from djbundle.static_storage import HashedStorage  # noqa: PLC0415

    return {
        "django": django.get_version(),
        "wsgi_application": settings.WSGI_APPLICATION,
        "asgi_application": getattr(settings, "ASGI_APPLICATION", None),
        "languages": offered_languages(),
        "apps": [config.name for config in apps.get_app_configs()],
        "modules": {name: file_of(module) for name, module in list(sys.modules.items())},
        "libraries": mapped_libraries(),
        "opened": start,
        "read_sources": source_reads.sources(),
        "folders": named_folders(),
        "has_static_files": collected,
        "missing_static_files": sorted(HashedStorage.missing),
        "media_root": str(settings.MEDIA_ROOT),
        "media_url": media_url(),
        "static_root": static_root,
        "deployment": deployment_advice(),
    }


def machine_ties(is_key_local: bool) -> list[Tie]:
    from django.conf import settings  # noqa: PLC0415

    return [*ties_in(settings, is_key_local=is_key_local)]


def media_url() -> str:
    """Return the URL at which a bundle serves uploads publicly; "" if they are stored or served elsewhere."""
    from django.conf import settings  # noqa: PLC0415

    is_local = settings.STORAGES["default"]["BACKEND"].endswith(".FileSystemStorage")
    url = str(settings.MEDIA_URL)
    return url if is_local and url.startswith("/") and url.strip("/") else ""


def named_folders() -> dict[str, list[str]]:
    """Return the folders of templates, static files, fixtures and translations that the settings name.

    Folders with these conventional names count as well, but are not listed here.
    """
    from django.conf import settings  # noqa: PLC0415

    named: list[Any] = [*settings.STATICFILES_DIRS]
    static = (each[1] if isinstance(each, list | tuple) else each for each in named)  # it may be (prefix, folder)
    templates = (folder for engine in settings.TEMPLATES for folder in engine.get("DIRS", ()))
    kinds = {
        "templates": templates,
        "static": static,
        "fixtures": settings.FIXTURE_DIRS,
        "locale": settings.LOCALE_PATHS,
    }
    return {kind: [str(Path(folder).absolute()) for folder in folders] for kind, folders in kinds.items()}


def mapped_libraries() -> list[str]:
    """Return the files of the shared libraries that this process has loaded.

    ctypes or cffi loaded them, or another library needs them.
    """
    maps = Path("/proc/self/maps").read_text().splitlines()
    paths = {line.split(maxsplit=5)[5] for line in maps if "/" in line}
    return sorted(path for path in paths if ".so" in Path(path).name)


def deployment_advice() -> list[dict[str, Any]]:
    """Return what ``check --deploy`` reports. It is no part of a start, so call it after tracing the start."""
    from django.core.checks import Tags, run_checks  # noqa: PLC0415

    messages = run_checks(tags=[Tags.security], include_deployment_checks=True)
    return [
        {"id": each.id, "message": each.msg, "hint": each.hint}
        for each in messages
        if str(each.id).startswith("security.")
    ]


def offered_languages() -> list[str] | None:
    from django.conf import settings  # noqa: PLC0415

    if not settings.is_overridden("LANGUAGES"):  # type: ignore[misc]
        return None
    return [settings.LANGUAGE_CODE, *(code for code, _ in settings.LANGUAGES)]


def file_of(module: ModuleType | None) -> str | None:
    file = getattr(module, "__file__", None)
    return str(file) if file else None
