"""Asks each case: a public function of a module of these packages that takes nothing and returns what JSON can hold."""

import importlib
import json
import pkgutil
import re
import types
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, JsonResponse

ADDRESS = re.compile(r"0x[0-9a-f]+")
PACKAGES = ("language", "framework", "machine", "habits")
NO_AREAS = {"views", "admin", "apps", "models", "pages", "urls"}


def names(request: HttpRequest) -> JsonResponse:
    areas = [*modules_of("cases"), *(f"{package}.{name}" for package in PACKAGES for name in modules_of(package))]
    return JsonResponse({area: [*cases_of(area)] for area in areas})


def modules_of(package: str) -> list[str]:
    folder = str(Path(__file__).parent.parent / package)
    return [each.name for each in pkgutil.iter_modules([folder]) if each.name not in NO_AREAS]


def answer(request: HttpRequest, area: str, name: str) -> JsonResponse:
    try:
        result = cases_of(area)[name]()
    except BaseException as error:
        result = f"raises {type(error).__name__}: {error}"
    text = json.dumps(result, default=repr, sort_keys=True).replace(str(settings.BASE_DIR), "BASE_DIR")
    return JsonResponse({"answer": json.loads(ADDRESS.sub("0x", text))})


def cases_of(area: str) -> dict[str, object]:
    module = importlib.import_module(area if "." in area else f"cases.{area}")
    return {
        name: each
        for name, each in vars(module).items()
        if not name.startswith("_")
        and isinstance(each, types.FunctionType)
        and each.__module__ == module.__name__
        and not each.__code__.co_argcount
    }
