"""Changes of a settings module reach ``django.conf.settings``, even if a package has replaced that object."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django import conf
from django.utils.functional import empty

from djbundle.settings_module import applying_changes, like


def settings_module(**values: object) -> ModuleType:
    module = ModuleType("project_settings")
    vars(module).update(values)
    return module


def replace_conf(monkeypatch: pytest.MonkeyPatch, own: object, used: object) -> None:
    """Replace ``django.conf.settings`` by `used`, as dynaconf does; the rest of the module stays as it was."""
    real = ModuleType("django.conf")
    vars(real).update(LazySettings=conf.LazySettings, settings=own)

    class Wrapper:
        def __getattribute__(self, name: str) -> Any:
            return used if name == "settings" else getattr(real, name)

    monkeypatch.setitem(sys.modules, "django.conf", Wrapper())


def test_settings_that_were_set_up_too_early_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    own = conf.LazySettings()
    own._wrapped = SimpleNamespace(DEBUG=True)
    replace_conf(monkeypatch, own, own)
    with applying_changes(settings_module()):
        pass
    assert own._wrapped is empty  # type: ignore[misc]


@pytest.mark.parametrize("is_replaced_everywhere", [True, False])
def test_object_in_their_place_is_told_what_has_changed(
    monkeypatch: pytest.MonkeyPatch, is_replaced_everywhere: bool
) -> None:
    filled = SimpleNamespace(DEBUG=True, STATIC_URL="/static/", DATABASES={"default": {"NAME": "a"}})
    own = filled if is_replaced_everywhere else conf.LazySettings()
    replace_conf(monkeypatch, own, filled)
    module: Any = settings_module(DEBUG=True, STATIC_URL="static/", DATABASES={"default": {"NAME": "a"}}, lower=1)
    with applying_changes(module):
        module.DEBUG = False
        module.DATABASES["default"]["NAME"] = "b"
        module.SECRET_KEY = "made"
        module.lower = 2
    assert vars(filled) == {
        "DEBUG": False,
        "STATIC_URL": "/static/",
        "DATABASES": {"default": {"NAME": "b"}},
        "SECRET_KEY": "made",
    }


def test_a_path_takes_the_place_of_one() -> None:
    assert like(Path("a"), Path("/b")) == Path("/b")
    assert [like(value, Path("/b")) for value in ("a", "", None)] == ["/b"] * 3
