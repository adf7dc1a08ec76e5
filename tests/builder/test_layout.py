"""Common project layouts: where the root is, which settings are chosen, what the site is called."""

from pathlib import Path

import pytest

from djbundle.builder.project.project import Project, find_project
from djbundle.contract.variables import SETTINGS_MODULE
from djbundle.errors import AmbiguousProjectError, AmbiguousSettingsError, ProjectNotFoundError


def names(module: str) -> str:
    """Return the text of a manage.py, wsgi.py or asgi.py."""
    return f'import django, os\nos.environ.setdefault("{SETTINGS_MODULE}", "{module}")\n'


def make(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def find(folder: Path, settings: str | None = None) -> Project:
    return find_project(folder, settings=settings, name=None)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTINGS_MODULE, raising=False)


LAYOUTS = {
    "startproject": ({"manage.py": names("shop.settings"), "shop/settings.py": ""}, ".", "shop.settings", "shop"),
    "flat": ({"manage.py": names("settings"), "settings.py": ""}, ".", "settings", "work"),
    "manage.py names none": ({"manage.py": "", "shop/settings.py": ""}, ".", "shop.settings", "shop"),
    "src": ({"src/manage.py": names("shop.settings"), "src/shop/settings.py": ""}, "src", "shop.settings", "shop"),
    "project in a repository": (
        {"backend/manage.py": names("config.settings"), "backend/config/settings.py": "", "frontend/x.js": ""},
        *("backend", "config.settings", "work"),
    ),
    "manage.py in a package": (
        {"src/shop/manage.py": names("shop.settings"), "src/shop/settings.py": "", "src/shop/__init__.py": ""},
        *("src", "shop.settings", "shop"),
    ),
    "manage.py beside src": (
        {"manage.py": names("shop.settings"), "src/shop/settings.py": ""},
        *("src", "shop.settings", "shop"),
    ),
    "an example beside it": (
        {"site/manage.py": names("shop.settings"), "site/shop/settings.py": "", "docs/demo/manage.py": names("x")},
        *("site", "shop.settings", "shop"),
    ),
    "wsgi.py was left behind": (
        {
            "manage.py": names("config.settings.site"),
            "config/wsgi.py": names("config.settings"),
            "config/settings/__init__.py": '"""One module for each place."""',
            "config/settings/site.py": "",
        },
        *(".", "config.settings.site", "work"),
    ),
    "servers import other settings": (
        {
            "manage.py": names("config.settings.local"),
            "config/wsgi.py": names("config.settings.cloud"),
            "config/settings/local.py": "",
            "config/settings/cloud.py": "",
        },
        *(".", "config.settings.cloud", "work"),
    ),
    "production beside development": (
        {
            "manage.py": names("shop.settings.dev"),
            "shop/wsgi.py": names("shop.settings.dev"),
            "shop/settings/base.py": "",
            "shop/settings/dev.py": "",
            "shop/settings/production.py": "",
        },
        *(".", "shop.settings.production", "shop"),
    ),
    "production, and nobody names it": (
        {"manage.py": "", **{f"shop/settings/{name}.py": "" for name in ("base", "dev", "prod", "test")}},
        *(".", "shop.settings.prod", "shop"),
    ),
    "pyproject.toml of the repository": (
        {"pyproject.toml": '[project]\nname = "My Shop"\n', "src/manage.py": names("shop.settings")},
        *("src", "shop.settings", "my-shop"),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout(tmp_path: Path, layout: str) -> None:
    files, root, settings, name = LAYOUTS[layout]
    folder = tmp_path / "work"
    project = find(make(folder, files))
    assert project.root == folder / root
    assert (project.settings_module, project.name) == (settings, name)


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        ("startproject", "named by manage.py"),
        ("servers import other settings", "named by config/wsgi.py; manage.py names config.settings.local"),
        ("production beside development", "the one for production; manage.py names dev"),
        ("production, and nobody names it", "the one for production of 2"),
    ],
)
def test_why_these_settings(tmp_path: Path, layout: str, reason: str) -> None:
    assert find(make(tmp_path / "work", LAYOUTS[layout][0])).settings_reason == reason


def test_who_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = '[tool.djbundle]\nname = "one"\nsettings = "one.settings"\n'
    make(tmp_path, {"manage.py": names("shop.settings"), "shop/settings.py": ""})
    monkeypatch.setenv(SETTINGS_MODULE, "shell.settings")
    assert find(tmp_path).settings_module == "shell.settings"
    make(tmp_path, {"pyproject.toml": table})
    assert find(tmp_path).settings_module == "one.settings"
    assert find(tmp_path, settings="two.settings").settings_module == "two.settings"
    assert find_project(tmp_path, settings=None, name="two").name == "two"


def test_several_sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, {"blog/manage.py": names("blog.settings"), "shop/manage.py": names("shop.settings")})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AmbiguousProjectError) as caught:
        find(tmp_path)
    assert "there are 2 projects" in caught.value.cause
    assert caught.value.fix == "name one:  djbundle build blog"


def test_several_settings(tmp_path: Path) -> None:
    make(tmp_path, {"manage.py": "", "a/settings/base.py": "", "a/settings/blog.py": "", "a/settings/shop.py": ""})
    with pytest.raises(AmbiguousSettingsError, match=r"a\.settings\.blog, a\.settings\.shop"):
        find(tmp_path)


def test_no_manage(tmp_path: Path) -> None:
    make(tmp_path, {"shop/settings.py": "", "shop/__init__.py": ""})
    with pytest.raises(ProjectNotFoundError) as caught:
        find(tmp_path)
    assert "djbundle build --settings shop.settings" in caught.value.fix
    assert find(tmp_path, settings="shop.settings").root == tmp_path


def test_class_of_the_settings_is_that_of_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This is the class of django-configurations in wsgi.py."""

    def both(name: str) -> str:
        return names("conf.settings") + f'os.environ.setdefault("DJANGO_CONFIGURATION", "{name}")\n'

    folder = make(tmp_path / "work", {"manage.py": both("Dev"), "conf/settings.py": ""})
    assert find(folder).settings_variables() == {SETTINGS_MODULE: "conf.settings", "DJANGO_CONFIGURATION": "Dev"}
    make(folder, {"conf/wsgi.py": both("Prod")})
    assert find(folder).settings_class == "Prod"
    monkeypatch.setenv("DJANGO_CONFIGURATION", "Staging")
    assert find(folder).settings_class == "Staging"
