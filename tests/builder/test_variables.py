"""The environment variables that a project reads are observed, with each of the popular packages."""

from pathlib import Path

import pytest

from djbundle.builder.inspection.inspection import ReadVariable, inspect_project
from djbundle.builder.project.project import find_project
from djbundle.errors import MissingVariableError, SettingsError

HEAD = "import os\nfrom pathlib import Path\nBASE_DIR = Path(__file__).parent.parent\nROOT_URLCONF = 'site_.urls'\n"
GIVEN = {"TOKEN": "t", "PORT": "5", "DATABASE_URL": "sqlite://:memory:"}

# Each reads TOKEN, which it needs; PORT, which is optional; and maybe a database.
SETTINGS = {
    "plain": """\
TOKEN = os.environ["TOKEN"]
PORT = int(os.getenv("PORT", "25"))
""",
    "careful": """\
if "TOKEN" not in os.environ:
    raise RuntimeError("no TOKEN")
PORT = int(os.environ.get("PORT") or 25)
""",
    "django-environ": """\
import environ
env = environ.Env(PORT=(int, 25))
environ.Env.read_env(BASE_DIR / ".env")
TOKEN = env("TOKEN")
PORT = env("PORT")
DATABASES = {"default": env.db()}
""",
    "decouple": """\
from decouple import config
TOKEN = config("TOKEN")
PORT = config("PORT", default=25, cast=int)
""",
    "environs": """\
from environs import Env
env = Env()
env.read_env(BASE_DIR / ".env")
TOKEN = env.str("TOKEN")
PORT = env.int("PORT", 25)
""",
    "dotenv and dj-database-url": """\
import dj_database_url
from dotenv import load_dotenv
load_dotenv(BASE_DIR / ".env")
TOKEN = os.environ["TOKEN"]
PORT = int(os.environ.get("PORT", "25"))
DATABASES = {"default": dj_database_url.config(default="sqlite://:memory:")}
""",
    "pydantic-settings": """\
from pydantic_settings import BaseSettings, SettingsConfigDict
class Site(BaseSettings):
    model_config = SettingsConfigDict(env_file=BASE_DIR / ".env", extra="ignore")
    token: str
    port: int = 25
site = Site()
""",
}
NEEDS_DATABASE = ("django-environ",)
HAS_DATABASE = ("django-environ", "dotenv and dj-database-url")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site_").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "site_" / "urls.py").write_text("urlpatterns = []\n")
    (tmp_path / "manage.py").write_text('import django; {"DJANGO_SETTINGS_MODULE": "site_.settings"}')
    return tmp_path


def variables(folder: Path, text: str, **environment: str) -> dict[str, ReadVariable]:
    (folder / "site_" / "settings.py").write_text(HEAD + text)
    project = find_project(folder, settings="site_.settings", name=None)
    return {item.name: item for item in inspect_project(project, environment, folder / "work").variables}


@pytest.mark.parametrize("package", SETTINGS)
def test_what_is_read_and_needed(folder: Path, package: str) -> None:
    text = SETTINGS[package]
    by_name = variables(folder, text, **GIVEN)
    assert set(by_name) == {"TOKEN", "PORT", *(["DATABASE_URL"] if package in HAS_DATABASE else [])}
    needed = {name for name, item in by_name.items() if item.needed}
    assert needed == {"TOKEN", *(["DATABASE_URL"] if package in NEEDS_DATABASE else [])}
    assert by_name["TOKEN"].origin == "the environment"
    file, _, line = by_name["TOKEN"].place.partition(":")
    assert file == "site_/settings.py"
    assert "TOKEN" in (folder / file).read_text().splitlines()[int(line) - 1].upper()


@pytest.mark.parametrize("package", [name for name, text in SETTINGS.items() if '".env"' in text])
def test_value_from_a_file(folder: Path, package: str) -> None:
    """The bundle does not contain the file, so variables that only the file has are needed on the server."""
    env = folder / ".env"
    env.write_text("".join(f"{name}={value}\n" for name, value in GIVEN.items()) + "UNUSED=1\n")
    by_name = variables(folder, SETTINGS[package])
    assert {name for name, item in by_name.items() if item.needed} >= {"TOKEN"}
    assert not by_name["PORT"].needed
    assert by_name["TOKEN"].origin == str(env)
    assert "UNUSED" not in by_name


@pytest.mark.parametrize("package", [name for name in SETTINGS if name != "careful"])
def test_missing_variable_is_named(folder: Path, package: str) -> None:
    with pytest.raises(MissingVariableError) as caught:
        variables(folder, SETTINGS[package])
    assert "the environment variable" in caught.value.cause
    assert "TOKEN (site_/settings.py:" in caught.value.cause
    assert "--env TOKEN=" in caught.value.fix


def test_all_that_are_missing_are_named_at_once(folder: Path) -> None:
    with pytest.raises(MissingVariableError) as caught:
        variables(folder, 'A = os.environ["A"]\nB = int(os.environ["B"])\nC = os.environ.get("C")\n')
    assert "variables A (site_/settings.py:5), B (site_/settings.py:6)" in caught.value.cause
    assert caught.value.fix.endswith("djbundle build --env A=build-only --env B=build-only")


def test_what_others_look_up_does_not_count(folder: Path) -> None:
    text = "import tempfile\nHOME = Path.home()\nTMP = tempfile.gettempdir()\nimport certifi, granian\n"
    assert variables(folder, text) == {}


def test_settings_that_cannot_be_imported_twice(folder: Path) -> None:
    """Then there are no trials, and variables that are read with [] count as needed."""
    text = 'import builtins\nassert not hasattr(builtins, "again")\nbuiltins.again = 1\n'
    by_name = variables(folder, text + 'A = os.environ["A"]\nB = os.environ.get("B")\n', A="1", B="1")
    assert [name for name, item in by_name.items() if item.needed] == ["A"]


def test_a_wrong_value_is_another_error(folder: Path) -> None:
    with pytest.raises(SettingsError, match="invalid literal"):
        variables(folder, SETTINGS["plain"], TOKEN="t", PORT="five")
