"""Popular packages that load libraries, data and plug-ins in unusual ways, in one bundle."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PROJECTS
from tests.support.wheel import make_environment, run

PROJECT = PROJECTS / "packages"
PACKAGES = [
    *(
        "django>=6.1,<6.2",
        "pillow",
        "lxml",
        "psycopg[binary]",
        "cryptography",
        "numpy",
        "uvloop",
        "argon2-cffi",
        "bcrypt",
        "opencv-python-headless",
    ),
    *("orjson", "brotli", "reportlab", "cffi", "pydantic", "pyyaml", "django-split-settings"),
]
COMPILED = "pyyaml"  # a distribution with another name than its package, and with an extension module
EXERCISES = [
    *("pillow", "lxml_trees", "psycopg_binary", "cryptography_openssl", "numpy_blas", "uvloop_sockets"),
    *("password_hashes", "small_ones", "reportlab_fonts", "cffi_calls"),
    *("library_of_the_system", "settings_in_parts", "plugins_beside", "opencv_pictures"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def results(wheel: Path, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return each exercise's result in the environment, and in a bundle that is built there and runs without it."""
    programs = make_environment(folder / "environment", "3.13", wheel, *PACKAGES)
    expected = run(programs / "python", PROJECT / "manage.py", "exercise")
    options = ("--python", folder / "environment", "-o", folder / "bundle" / "odds", "--compile", COMPILED)
    run(programs / "djbundle", "build", PROJECT, *options)
    (folder / "environment").rename(folder / "gone")
    command: list[str | Path] = [folder / "bundle" / "odds", "exercise", "--data-dir", folder / "data"]
    result = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
    return json.loads(expected), json.loads(result.stdout)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_package(results: tuple[dict[str, str], dict[str, str]], exercise: str) -> None:
    expected, actual = results
    assert "Traceback" not in expected[exercise]
    assert actual[exercise] == expected[exercise]


@pytest.mark.usefixtures("results")
def test_an_array_that_was_made_before_a_fork_can_be_resized(folder: Path) -> None:
    """NumPy refuses that for an array to which something else refers, as it would be for an immortal one."""
    code = "import numpy, _immortal; a = numpy.zeros(4); _immortal.make_all_immortal(); a.resize(6); print(a.size)"
    assert run(folder / "bundle" / "odds", "-c", code) == "6\n"


def test_every_exercise_is_done(results: tuple[dict[str, str], dict[str, str]]) -> None:
    assert sorted(results[0]) == sorted(results[1]) == sorted(EXERCISES)


@pytest.mark.usefixtures("results")
def test_package_is_compiled(folder: Path) -> None:
    """Only the modules that a rule keeps are bytecode. The package finds its extension module."""
    bundle = folder / "bundle" / "odds"
    loaders = "*[type(each.__loader__).__name__ for each in (yaml, yaml.constructor, yaml.scanner)]"
    code = f"import yaml, yaml.cyaml; print({loaders}, yaml.load('[1, 2]', yaml.CSafeLoader))"
    assert run(bundle, "-c", code) == "ArchiveLoader ArchiveLoader CompiledLoader [1, 2]\n"
    run(bundle, "extract", folder / "tree")
    files = [path.name for path in (folder / "tree" / "yaml").iterdir() if path.suffix != ".so"]
    assert sorted(files) == ["__init__.pyc", "constructor.pyc", "representer.pyc"]
