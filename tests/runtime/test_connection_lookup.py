"""Connections are looked up once around a request, and are those that Django finds."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils.connection import BaseConnectionHandler

from djbundle.runtime.database import connection_lookup
from djbundle.runtime.database.connection_lookup import look_up_once


class Handler(BaseConnectionHandler):
    """Has three connections, which are made when they are asked for."""

    def __init__(self) -> None:
        super().__init__({"default": {}, "other": {}, "third": {}})

    def configure_settings(self, settings: Any) -> Any:
        return settings

    def create_connection(self, alias: str) -> Any:
        return [alias]


class Renamed(Handler):
    """Returns something else for an alias than what it keeps."""

    def __getitem__(self, alias: str) -> Any:
        return super().__getitem__(alias) * 2


@pytest.fixture(autouse=True)
def django_again() -> Iterator[None]:
    yield
    BaseConnectionHandler.all = connection_lookup._django_all  # type: ignore[method-assign]


@pytest.mark.parametrize("kind", [Handler, Renamed])
@pytest.mark.parametrize("initialized", [(), ("other",), ("third", "default")])
@pytest.mark.parametrize("only", [True, False])
def test_the_same_as_by_django(kind: type[Handler], initialized: tuple[str, ...], only: bool) -> None:
    by_django, once = kind(), kind()
    for alias in initialized:
        assert by_django[alias] == once[alias]
    expected = by_django.all(initialized_only=only)
    look_up_once()
    assert once.all(initialized_only=only) == expected


def test_each_thread_has_its_own() -> None:
    look_up_once()
    handler, found = Handler(), list[Any]()
    assert handler["default"] == ["default"]
    thread = threading.Thread(target=lambda: found.extend(handler.all(initialized_only=True)))
    thread.start()
    thread.join()
    assert found == []
    assert handler.all(initialized_only=True) == [["default"]]


def test_what_is_replaced_is_what_was_read() -> None:
    """A version of Django with another method must be looked at."""
    names = {*connection_lookup._django_all.__code__.co_names, *connection_lookup._django_all.__code__.co_varnames}
    assert {"_connections", "initialized_only"} <= names
