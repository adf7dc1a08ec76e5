"""``djbundle check`` and ``why``: their findings, for developers and for machines."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from djbundle.builder import pipeline
from djbundle.builder.core.console import Console
from djbundle.builder.core.sandbox import may_isolate
from djbundle.builder.core.target import this_target
from djbundle.builder.options import BuildOptions
from tests.conftest import DJBUNDLE, PROJECTS, REPOSITORY

VIEWS = """\
import inspect, os, subprocess, sys
from pathlib import Path
from django.conf import settings

HERE = Path(__file__).parent

def view(request):
    (settings.BASE_DIR / "log.txt").write_text("x")
    open(os.path.join(settings.BASE_DIR, "log.txt"), "a")
    Path(__file__).with_name("cache").mkdir()
    subprocess.run([sys.executable, "manage.py", "migrate"])
    inspect.getsource(view)
    (settings.BASE_DIR / "words.txt").read_text()
    open(settings.BASE_DIR / "words.txt")
    open("/var/tmp/x", "w")
    "a".replace("a", "b")
    open(__file__.replace(".pyc", ".py"))
"""
EXPECTED = {
    8: "writes a file",
    9: "writes a file",
    10: "writes a file",
    11: "starts manage.py",
    12: "reads source code",
}


def djbundle(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [DJBUNDLE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    (tmp_path / "site_").mkdir()
    (tmp_path / "site_" / "settings.py").write_text(
        "from pathlib import Path\nBASE_DIR = Path(__file__).parent.parent\nROOT_URLCONF = 'site_.urls'\n"
        "INSTALLED_APPS = ['django.contrib.contenttypes']\n(BASE_DIR / 'logs').mkdir(exist_ok=True)\n"
    )
    (tmp_path / "site_" / "urls.py").write_text("from site_ import views\nurlpatterns = []\n")
    (tmp_path / "site_" / "views.py").write_text(VIEWS)
    (tmp_path / "site_" / "tests.py").write_text("open(__file__, 'w')\n")
    (tmp_path / "manage.py").write_text('import django; {"DJANGO_SETTINGS_MODULE": "site_.settings"}')
    return tmp_path


@pytest.mark.parametrize("protect", [True, False])
def test_what_would_fail_is_told_line_by_line(faulty: Path, *, protect: bool) -> None:
    (faulty / "pyproject.toml").write_text(f"[tool.djbundle]\nprotect = {str(protect).lower()}\n")
    expected = EXPECTED if protect else {line: cause for line, cause in EXPECTED.items() if cause.startswith("writes")}
    before = sorted(faulty.rglob("*"))
    result = djbundle("check", faulty, "--json")
    if may_isolate():
        assert sorted(faulty.rglob("*")) == before, "its settings make a folder, each time that they are imported"
    assert result.returncode == 26
    problems = {int(each["place"].partition(":")[2]): each["cause"] for each in json.loads(result.stdout)["problems"]}
    assert problems.keys() == expected.keys()
    assert all(problems[line].startswith(cause) for line, cause in expected.items())
    shown = djbundle("check", faulty)
    assert "site_/views.py:8  writes a file of the project" in shown.stderr
    assert shown.stderr.count("fix:") >= len(expected)


RELATIVE = """\
import os, subprocess, sys
from pathlib import Path

def view(request):
    open("site_/words.txt")
    Path("site_").glob("*.txt")
    os.listdir("./site_")
    open("site_/words.txt", "w")
    open("words.txt")
    open("/etc/hostname")
    Path("..")
    open(request.path)
    subprocess.run("python manage.py migrate", shell=True)
    subprocess.run([sys.executable, "manage.py", "migrate"])
"""


def test_relative_paths_are_told_line_by_line(faulty: Path) -> None:
    (faulty / "site_" / "words.txt").write_text("words")
    (faulty / "site_" / "views.py").write_text(RELATIVE)
    result = json.loads(djbundle("check", faulty, "--json").stdout)
    advice = {each["place"]: each["cause"] for each in result["advice"] if each["place"].startswith("site_/views.py")}
    assert {place.partition(":")[2]: cause.split()[0] for place, cause in advice.items()} == {
        "5": "names",
        "6": "names",
        "7": "names",
        "8": "writes",
    }
    assert [(each["place"], each["cause"].partition(" with")[0]) for each in result["problems"]] == [
        ("site_/views.py:13", "starts manage.py")
    ]


READY = """\
from django.apps import AppConfig
from django.core.cache import cache

class Config(AppConfig):
    name = "site_"

    def ready(self):
        cache.set("menu", None)
"""
CACHE = """\
import socket
from django.core.cache.backends.base import BaseCache

class Cache(BaseCache):
    def __init__(self, server, params):
        super().__init__(params)

    def set(self, *arguments, **options):
        socket.create_connection(("127.0.0.1", 1))
"""


def test_cache_that_is_written_when_the_project_is_loaded(faulty: Path) -> None:
    """A build does not need the cache's server."""
    (faulty / "site_" / "apps.py").write_text(READY)
    (faulty / "site_" / "caches.py").write_text(CACHE)
    (faulty / "site_" / "views.py").write_text("")
    with (faulty / "site_" / "settings.py").open("a") as settings:
        settings.write("INSTALLED_APPS += ['site_']\n")
        settings.write("CACHES = {'default': {'BACKEND': 'site_.caches.Cache', 'LOCATION': 'cache://nowhere'}}\n")
    result = djbundle("check", faulty)
    assert result.returncode == 0, result.stderr


def test_the_shop_has_nothing_to_mend() -> None:
    result = djbundle("check", REPOSITORY / "sample_shop", "--json")
    assert result.returncode == 0, result.stderr
    check = json.loads(result.stdout)
    assert (check["name"], check["settings"], check["interface"], check["problems"]) == (
        "shop",
        "shop.settings",
        "WSGI",
        [],
    )
    assert {"name": "SHOP_DEBUG", "needed": False} in [
        {"name": each["name"], "needed": each["needed"]} for each in check["variables"]
    ]
    assert {"django", "granian", "pillow"} <= {each["name"] for each in check["packages"]}
    assert {each["place"] for each in check["advice"]}.isdisjoint({"security.W018", "security.W009", "security.W020"})


def test_check_refuses_what_a_build_does() -> None:
    result = djbundle("check", PROJECTS / "missing_app")
    assert result.returncode == 15
    assert len(result.stderr.splitlines()) == 2


def test_why() -> None:
    shown = djbundle("why", "asgiref", REPOSITORY / "sample_shop")
    assert [line.split(":")[0].split()[0] for line in shown.stdout.splitlines()] == ["asgiref", "django"]
    assert "needed by django" in shown.stdout
    refused = djbundle("why", "pytest", REPOSITORY / "sample_shop")
    assert refused.returncode == 27
    assert "would not be in the bundle" in refused.stderr


def test_init_writes_what_can_be_found_out(faulty: Path) -> None:
    settings = faulty / "site_" / "settings.py"
    settings.write_text(settings.read_text() + "import os\nKEY = os.environ['API_KEY']\n")
    (faulty / "requirements.txt").write_text("django\n")
    (faulty / "pyproject.toml").write_text("[project]\nname = 'mine'\nversion = '3'\n")
    result = djbundle("init", faulty, "--env", "API_KEY=x")
    assert result.returncode == 0, result.stderr
    table = tomllib.loads((faulty / "pyproject.toml").read_text())
    assert table["project"]["version"] == "3"
    assert table["tool"]["djbundle"] == {"name": "mine", "settings": "site_.settings"}
    assert "COPY dist/mine /mine" in (faulty / "Containerfile").read_text()
    workflow = (faulty / ".github" / "workflows" / "bundle.yml").read_text()
    assert "pip install -r requirements.txt" in workflow
    assert "djbundle build --env API_KEY=build-only" in workflow
    assert "${{ github.sha }}" in workflow


def test_init_writes_what_scales_workers(faulty: Path) -> None:
    """KEDA takes a value or an average for each worker; metric types are only those two."""
    assert djbundle("init", faulty, "--env", "API_KEY=x", "--keda").returncode == 0
    scaled = yaml.safe_load((faulty / "deploy" / "scaledobject.yaml").read_text())
    assert (scaled["apiVersion"], scaled["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    assert scaled["spec"]["scaleTargetRef"]["name"] == scaled["metadata"]["name"]
    assert scaled["spec"]["minReplicaCount"] < scaled["spec"]["maxReplicaCount"]
    triggers = scaled["spec"]["triggers"]
    assert [each.get("metricType", "AverageValue") for each in triggers] == ["AverageValue", "Value"]
    names = documented_metrics()
    for each in triggers:
        assert each["type"] == "prometheus"
        assert {"serverAddress", "query", "threshold", "activationThreshold"} == each["metadata"].keys()
        assert all(isinstance(value, str) for value in each["metadata"].values())
        assert set(re.findall(r"djbundle_\w+", each["metadata"]["query"])) <= names


def documented_metrics() -> set[str]:
    return set(re.findall(r"`(djbundle_\w+)`", (REPOSITORY / "docs" / "reference" / "metrics.md").read_text()))


def test_init_writes_over_nothing(faulty: Path) -> None:
    (faulty / "Containerfile").write_text("mine")
    result = djbundle("init", faulty)
    assert result.returncode == 28
    assert (faulty / "Containerfile").read_text() == "mine"
    assert not (faulty / ".github").exists()
    assert not (faulty / "pyproject.toml").exists()
    assert djbundle("init", faulty, "--force").returncode == 0
    assert "FROM scratch" in (faulty / "Containerfile").read_text()


def test_what_the_command_line_includes_is_there_too() -> None:
    shop = REPOSITORY / "sample_shop"
    check = json.loads(djbundle("check", shop, "--json", "--include", "iniconfig").stdout)
    assert "iniconfig" in {each["name"] for each in check["packages"]}


def test_missing_static_file_is_told(tmp_path: Path) -> None:
    """Django's own storage works without it, so it is only reported. For stricter storages, see test_refusals.py."""
    project = tmp_path / "project"
    shutil.copytree(PROJECTS / "missing_static", project)
    settings = project / "site_" / "settings.py"
    settings.write_text(settings.read_text().replace("ManifestStaticFilesStorage", "StaticFilesStorage"))
    checked = json.loads(djbundle("check", project, "--json").stdout)
    (advice,) = [each for each in checked["advice"] if each["place"] == "static files"]
    assert "missing.png" in advice["cause"]


def test_each_file_is_listed_with_its_reason(faulty: Path) -> None:
    files = {
        "prod.env": "",
        "words.txt": "one",
        "a\x1b[31mb.txt": "",
        "site_/templates/a.html": "",
        "keys/server.key": "",
    }
    for name, text in files.items():
        (faulty / name).parent.mkdir(exist_ok=True)
        (faulty / name).write_text(text)
    listed = djbundle("check", faulty, "--files")
    assert listed.returncode == 26
    lines = {line.split()[1]: line for line in listed.stdout.splitlines()}
    assert lines["prod.env"].startswith("out  prod.env")
    assert lines["prod.env"].endswith("  variables of the environment, by its name")
    assert lines["words.txt"].startswith("in ")
    assert lines["site_/templates/a.html"].endswith("  a template")
    assert lines["keys/server.key"].endswith("  a private key by its name")
    assert "\x1b" not in listed.stdout
    check = json.loads(djbundle("check", faulty, "--json", "--include", "keys/server.key").stdout)
    assert {"path": "keys/server.key", "taken": True, "reason": "named by include", "is_news": False} in check["files"]


CHECKS = """
from django.core.checks import Critical, Error, Warning, register

@register()
def look(**_kwargs):
    return [Error("there are no prices", hint="add some", id="site_.E001"), Error("hushed", id="site_.E002"),
            Warning("there are few", id="site_.W001"), Critical("there is no shop", id="site_.C001")]
"""


def test_failed_checks_of_the_project_are_told_at_once(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A build tells them when it has imported the project, before any slow step."""
    (faulty / "site_" / "views.py").write_text(CHECKS)
    with (faulty / "site_" / "settings.py").open("a") as settings:
        settings.write("SILENCED_SYSTEM_CHECKS = ['site_.E002']\n")
    check = json.loads(djbundle("check", faulty, "--json").stdout)
    told = [each["cause"] for each in check["advice"] if each["place"] == "manage.py check"]
    assert told == ["?: (site_.E001) there are no prices", "?: (site_.C001) there is no shop"]
    options = BuildOptions(project=faulty)
    (work := faulty.with_name("work")).mkdir()
    pipeline._inspect(options.find_project(), options, this_target(), work, Console())
    shown = capsys.readouterr().err
    assert "warning: manage.py check fails: ?: (site_.E001) there are no prices" in shown
    assert "hushed" not in shown
    assert "few" not in shown


def test_a_thread_of_the_start_is_found_with_its_line() -> None:
    result = djbundle("check", PROJECTS / "threaded", "--env", "THREADS=plain", "--json")
    advice = {each["place"]: each["cause"] for each in json.loads(result.stdout)["advice"]}
    assert advice["threaded/background.py:23"].startswith("the thread consumer is started while the site is loaded")


@pytest.mark.parametrize("threads", ["", "restarted"])
def test_a_thread_that_every_process_has_is_no_news(threads: str) -> None:
    result = djbundle("check", PROJECTS / "threaded", "--env", f"THREADS={threads}", "--json")
    assert "thread" not in json.dumps(json.loads(result.stdout)["advice"])
