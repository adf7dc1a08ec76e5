"""A bundle runs every command that manage.py runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from djbundle.runtime.cli.commands import OWN_COMMANDS
from djbundle.runtime.cli.management_commands import PROJECT_COMMANDS
from tests.bundle.processes import assert_refused
from tests.conftest import ADMIN_PASSWORD, REPOSITORY, NewSite
from tests.support.customer import Customer
from tests.support.site import Site

IMPORT_ALL = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
failed = []
for name in json.load(open(sys.argv[1])):
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed.append(name)
print(json.dumps(failed))
"""
# Django's error page, and the text of its mail.
REPORT = """
import sys
from django.views.debug import ExceptionReporter
from catalogue.stock_import import columns
try:
    columns(object())
except AttributeError:
    reporter = ExceptionReporter(None, *sys.exc_info())
    print(reporter.get_traceback_text(), reporter.get_traceback_html())
"""
# For development only, never to be imported, under the GPL, or with another name in each build of Python.
UNNEEDED = re.compile(  # on a server, which runs Linux
    r"(test|idlelib|tkinter|_tkinter|readline|turtle\w*|ensurepip|lib2to3|venv|pydoc_data|antigravity|this|__p?hello__|_?xx\w*"
    r"|_test\w*|_ctypes_test|_sysconfigdata\w*|_(aix|android|apple|ios|osx)_support)\b|.*(\.tests?\b|__main__)"
)


def command_names(text: str) -> set[str]:
    return set(re.findall(r"^    ([\w-]+)", text, re.MULTILINE))


def test_help_lists_every_command_of_manage_py(open_shop: Site) -> None:
    outside = subprocess.run(
        [sys.executable, "manage.py", "help"],
        cwd=REPOSITORY / "sample_shop",
        capture_output=True,
        text=True,
        check=True,
    )
    expected = command_names(outside.stdout)
    assert {"migrate", "createsuperuser", "demo_data", "worker", "collectstatic"} <= expected
    listed = command_names(open_shop.run("help").stdout)
    assert expected - {*PROJECT_COMMANDS} <= listed
    assert {*OWN_COMMANDS} <= listed
    assert not listed & {*PROJECT_COMMANDS}, "a bundle refuses them"


def test_help_says_what_each_command_does(open_shop: Site) -> None:
    text = open_shop.run("help").stdout
    assert re.search(r"^    migrate +Updates database schema", text, re.MULTILINE)
    assert re.search(r"^    serve +\w", text, re.MULTILINE)
    assert re.search(r"^    demo_data +\w", text, re.MULTILINE)
    assert text.index("[djbundle]") < text.index("[catalogue]") < text.index("[django]")
    assert open_shop.run("help", "--commands").stdout.split() == sorted(command_names(text))


def test_alone_it_explains_itself(open_shop: Site) -> None:
    text = open_shop.run().stdout
    for word in ("serve", "migrate", "createsuperuser", "help", str(open_shop.data)):
        assert word in text


def test_version_tells_all_versions(open_shop: Site) -> None:
    versions = json.loads(open_shop.run("version", "--json").stdout)
    assert versions["name"] == "shop"
    assert versions["version"] == "1.0.0"
    assert re.fullmatch(r"3\.1[2-9]\.\d+", versions["python"])
    assert tuple(map(int, versions["sqlite"].split("."))) >= (3, 51, 3)
    assert {"djbundle", "django", "built", "commit"} <= set(versions)
    running = open_shop.run("shell", "-v0", "-c", "import sqlite3; print(sqlite3.sqlite_version)")
    assert running.stdout.strip() == versions["sqlite"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "--database", "default"],
        ["migrate", "--check"],
        ["showmigrations"],
        ["makemigrations", "--check", "--dry-run"],
        ["collectstatic", "--dry-run", "--noinput"],
        ["dumpdata", "catalogue"],
        ["sqlmigrate", "orders", "0001"],
        ["diffsettings"],
        ["findstatic", "--help"],
        ["serve", "--help"],
        ["worker", "--drain"],
        ["config"],
        ["clearsessions"],
        ["inspectdb"],
    ],
    ids=" ".join,
)
def test_command_works(new_shop: NewSite, arguments: list[str]) -> None:
    new_shop().run(*arguments)


def test_shell_runs_code_with_the_project(open_shop: Site) -> None:
    code = "from catalogue.models import Product; print(Product.objects.filter(active=True).count() > 5)"
    assert open_shop.shell(code) == "True"


def test_error_in_compiled_code_is_reported_with_file_and_line(open_shop: Site) -> None:
    report = open_shop.shell(REPORT)
    source = REPOSITORY / "sample_shop" / "catalogue" / "stock_import.py"
    line = next(number for number, text in enumerate(source.read_text().splitlines(), 1) if "def columns" in text) + 1
    assert re.search(rf'File "\S*catalogue/stock_import.py", line {line}, in columns', report)
    assert "<title>AttributeError" in report
    assert "has no attribute &#x27;file&#x27;" in report


def test_common_password_is_refused(open_shop: Site) -> None:
    """The validator reads its list, package data of Django, from the bundle."""
    code = "from django.contrib.auth.password_validation import validate_password as v; v('password123')"
    result = open_shop.run("shell", "-v0", "-c", code, check=False)
    assert result.returncode == 1
    assert "too common" in result.stderr


def test_createsuperuser_makes_an_account(new_shop: NewSite) -> None:
    site = new_shop(DJANGO_SUPERUSER_PASSWORD=ADMIN_PASSWORD)
    site.run("createsuperuser", "--noinput", "--username", "second", "--email", "second@example.com")
    code = (
        f"from django.contrib.auth import authenticate as a; print(a(username='second', password='{ADMIN_PASSWORD}'))"
    )
    assert site.shell(code) == "second"


def test_unknown_command_names_the_nearest(open_shop: Site) -> None:
    result = open_shop.run("migrat", check=False)
    assert result.returncode == 40
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        'error: unknown command "migrat"',
        "  fix: did you mean  shop migrate  ?  shop help  lists all commands",
    ]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["migrate", "--fakke"],
            ["unrecognized arguments: --fakke", "did you mean  --fake  ?  shop migrate --help  lists the options"],
        ),
        (
            ["migrate", "--verbosity", "much"],
            ["argument -v/--verbosity: invalid int value: 'much'", "shop migrate --help  lists the options"],
        ),
        (
            ["tasks", "list", "--limit", "all"],
            ["argument --limit: must be a whole number, not 'all'", "shop tasks list --help  lists the options"],
        ),
        (["upgrade"], ["the following arguments are required: NEW", "shop upgrade --help  lists the options"]),
    ],
)
def test_wrong_option_gets_two_lines(open_shop: Site, arguments: list[str], lines: list[str]) -> None:
    """Those of Django's commands too."""
    result = open_shop.run(*arguments, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert [line.partition(": ")[2] for line in result.stderr.splitlines()] == lines


def test_command_that_another_one_calls_raises_an_error_of_django(open_shop: Site) -> None:
    code = (
        "from django.core.management import CommandError, call_command\n"
        "try:\n    call_command('migrate', '--verbosity', 'much')\nexcept CommandError as error:\n    print(error)"
    )
    assert open_shop.run("shell", "-v0", "-c", code).stdout.strip().startswith("Error: argument -v/--verbosity")


def test_interpreter_knows_the_settings_of_the_site(open_shop: Site) -> None:
    code = "import django; django.setup(); from django.conf import settings as s; print(s.DEBUG, s.SETTINGS_MODULE)"
    assert open_shop.run("-c", code).stdout.strip() == "False shop.settings"


def test_bundle_is_an_interpreter_for_its_children(open_shop: Site) -> None:
    code = (
        "import subprocess, sys;"
        "print(subprocess.run([sys.executable, '-c', 'import django; print(django.__name__)'],"
        " capture_output=True, text=True).stdout.strip())"
    )
    assert open_shop.shell(code) == "django"


def test_every_module_of_the_standard_library_is_there(open_shop: Site, tmp_path: Path) -> None:
    names = [name for name in sorted(standard_library()) if not UNNEEDED.match(name)]
    assert len(names) > 500
    listed = tmp_path / "names.json"
    listed.write_text(json.dumps(names))
    command = ["-c", IMPORT_ALL, str(listed)]
    here = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    there = subprocess.run(
        [str(open_shop.bundle), *command], env=open_shop.environment, capture_output=True, text=True, check=True
    )
    assert json.loads(there.stdout.splitlines()[-1]) == json.loads(here.stdout.splitlines()[-1])


def standard_library() -> set[str]:
    """Return every module of this Python's standard library."""
    root = Path(os.__file__).parent
    below = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for path in root.rglob("*.py")
        if "site-packages" not in path.parts
    }
    return {name for name in below if name.replace(".", "").isidentifier()} | set(sys.stdlib_module_names)


@pytest.mark.parametrize("command", ["makemigrations", "makemessages", "startapp", "test"])
def test_what_belongs_to_the_project_is_refused(open_shop: Site, command: str) -> None:
    assert_refused(open_shop.run(command, "x", check=False), 58, f'"{command}" ')


def test_dbshell_without_the_program_of_sqlite(open_shop: Site, tmp_path: Path) -> None:
    environment = open_shop.environment | {"PATH": str(tmp_path)}
    site = Site(open_shop.bundle, open_shop.data, environment)
    assert site.run("dbshell", "--", "SELECT 40 + 2").stdout.split() == ["(42,)"]


def test_template_in_the_data_directory_goes_first(new_small: NewSite) -> None:
    site = new_small()
    folder = site.data / "overrides" / "templates" / "notes"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("mended")
    with site:
        assert Customer(site.url).get("/").text == "mended"


def test_the_data_directory_is_no_argument_of_the_command(open_shop: Site) -> None:
    """Settings look whether sys.argv[1] is a certain command, wherever --data-dir stands."""
    code = "import sys; print(sys.argv[1:3])"
    for place in (1, 4):
        command = [str(open_shop.bundle), "shell", "-v0", "-c", code]
        command[place:place] = ["--data-dir", str(open_shop.data)]
        result = subprocess.run(command, env=open_shop.environment, capture_output=True, text=True, check=True)
        assert result.stdout == "['shell', '-v0']\n"
