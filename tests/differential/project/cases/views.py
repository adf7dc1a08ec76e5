"""Asks each case: a public function of a module of this package that takes nothing and returns what JSON can hold."""

import importlib
import json
import pkgutil
import re
import types
from pathlib import Path

from django.http import HttpRequest, JsonResponse

ADDRESS = re.compile(r"0x[0-9a-f]+")


def names(request: HttpRequest) -> JsonResponse:
    folder = str(Path(__file__).parent)
    modules = [each.name for each in pkgutil.iter_modules([folder]) if each.name != "views"]
    return JsonResponse({area: [*cases_of(area)] for area in modules})


def answer(request: HttpRequest, area: str, name: str) -> JsonResponse:
    try:
        result = cases_of(area)[name]()
    except BaseException as error:
        result = f"raises {type(error).__name__}: {error}"
    text = json.dumps(result, default=repr, sort_keys=True)
    return JsonResponse({"answer": json.loads(ADDRESS.sub("0x", text))})


def cases_of(area: str) -> dict[str, object]:
    module = importlib.import_module(f"cases.{area}")
    return {
        name: each
        for name, each in vars(module).items()
        if not name.startswith("_")
        and isinstance(each, types.FunctionType)
        and each.__module__ == module.__name__
        and not each.__code__.co_argcount
    }
