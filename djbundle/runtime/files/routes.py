"""Tells which paths the project has views for, without a request."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.urls import Resolver404, get_resolver, get_script_prefix
from django.utils import translation
from django.utils.functional import Promise
from django.views.static import serve

from djbundle.runtime.core.bundle import Bundle


class Routes:
    """The routes of ROOT_URLCONF, and of each other URLconf that a setting names, such as PUBLIC_SCHEMA_URLCONF."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        names = (getattr(settings, name, None) for name in dir(settings) if name.endswith("URLCONF"))
        self._urlconfs = [each for each in names if isinstance(each, str)]
        self._languages = list(languages(self._urlconfs))

    def has_view(self, path: str) -> bool:
        """Return whether the project has a view for this path, or redirects it to one by APPEND_SLASH.

        Routes are resolved in the site's languages, not in the one that this thread used last.
        """
        shorter = "/" + path.removeprefix(get_script_prefix())
        paths = {path, f"{path}/", shorter, f"{shorter}/"}
        for language in self._languages:
            with translation.override(language):
                if any(self._has_route(urlconf, each) for urlconf in self._urlconfs for each in paths):
                    return True
        return False

    def _has_route(self, urlconf: str, path: str) -> bool:
        try:
            match = get_resolver(urlconf).resolve(path)
        except Resolver404:
            return False
        except Exception:  # raised by a converter: the project must handle it
            return True
        return not self._is_for_development(match)

    def _is_for_development(self, match: Any) -> bool:
        """Return whether this is Django's own view, which would send the same file.

        With a login around it, it is another view.
        """
        root = str(match.kwargs.get("document_root") or "")
        if match.func is not serve or not root:
            return False
        root_in_data = self._bundle.in_data(Path(root)) or root
        return os.path.realpath(root_in_data) == os.path.realpath(settings.MEDIA_ROOT)


def languages(urlconfs: Iterable[str]) -> Iterator[str]:
    """Yield the languages in which paths differ: all of them if routes are translated."""
    yield settings.LANGUAGE_CODE
    if any(is_translated(get_resolver(urlconf).url_patterns) for urlconf in urlconfs):
        yield from (code for code, _ in settings.LANGUAGES)


def is_translated(patterns: Iterable[Any]) -> bool:
    for each in patterns:
        route = getattr(each.pattern, "_route", None) or getattr(each.pattern, "_regex", None)
        if isinstance(route, Promise) or is_translated(getattr(each, "url_patterns", ())):
            return True
    return False
