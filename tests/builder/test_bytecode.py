"""Which modules stay bytecode: by rules, by name, and because Nuitka cannot compile them."""

from pathlib import Path, PurePosixPath

import pytest

from djbundle.builder.core.cache import Cache
from djbundle.builder.dependencies.bytecode_search import named, reasons_of_modules
from djbundle.builder.dependencies.modules import Choice, choose_modules
from djbundle.builder.dependencies.project_imports import imported_from
from djbundle.builder.native.refusals import find_refused, remember, without_refused
from djbundle.builder.project.project import find_project
from djbundle.errors import ConfigurationError

MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
ODD = "async def view(request): pass\n"
SOURCES = {
    "shop/__init__.py": "",
    "shop/plain.py": "def total(prices): return sum(price for price in prices)\nfrom shop import other\n",
    "shop/other.py": "class Shop:\n    def name(self): return vars(self), dir(self)\n",
    "shop/frames.py": "import sys\ndef names(): return sys._getframe(1).f_locals\n",
    "shop/caller.py": "from .frames import names\n",
    "shop/package.py": "from shop import frames\n",
    "shop/wrong.py": "def (:\n",
    "shop/sub/__init__.py": "from ..frames import names\n",
}


@pytest.fixture
def modules(tmp_path: Path) -> dict[PurePosixPath, Path]:
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return {PurePosixPath(name): tmp_path / name for name in SOURCES}


def test_who_reads_frames_and_who_calls_it(modules: dict[PurePosixPath, Path]) -> None:
    reasons = {
        str(name): [(each.rule, each.line) for each in found] for name, found in reasons_of_modules(modules).items()
    }
    assert reasons == {
        "shop/frames.py": [("frame", 2)],
        "shop/caller.py": [("caller", 1)],
        "shop/package.py": [("caller", 1)],
        "shop/sub/__init__.py": [("caller", 1)],
    }


def test_a_module_that_is_to_be_compiled_in_any_case(tmp_path: Path) -> None:
    texts = {
        "manage.py": MANAGE,
        "shop/__init__.py": "",
        "shop/settings.py": "",
        "shop/one.py": ODD,
        "shop/two.py": ODD,
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "pyproject.toml").write_text('[tool.djbundle]\ncompile = ["shop.one"]\n')
    compiled, kept = choose_modules(find_project(tmp_path, settings=None, name=None))
    assert PurePosixPath("shop/one.py") in compiled
    assert [*map(str, kept)] == ["shop/two.py"]


def test_modules_and_packages_by_name(modules: dict[PurePosixPath, Path]) -> None:
    assert set(map(str, named(["shop.sub", "shop.plain"], modules))) == {"shop/sub/__init__.py", "shop/plain.py"}
    assert named(["shop"], modules).keys() == modules.keys()
    with pytest.raises(ConfigurationError) as error:
        named(["shop.plane"], modules)
    assert 'write "shop.plain"' in error.value.fix


@pytest.mark.parametrize(
    "log",
    [
        "Nuitka-Optimization:WARNING: Problem at '{path}:3' with Set(elts=[List(ctx=Load())]).\nTypeError: unhashable",
        "Problem with statement at {path}:3:\n-> AssertionError: a crash of Nuitka's own",
        "Nuitka: working\n{path}:3: SyntaxError: not yet\n",
        "module.shop.other.c: In function 'f':\nmodule.shop.other.c:300:5: error: too few arguments",
    ],
)
def test_module_that_nuitka_refuses(modules: dict[PurePosixPath, Path], tmp_path: Path, log: str) -> None:
    name, cache = PurePosixPath("shop/other.py"), Cache(tmp_path / "cache")
    filled = log.format(path=modules[name])
    refused = find_refused(filled, modules)
    assert refused is not None
    assert (refused.name, refused.line) == (name, 3 if str(modules[name]) in filled else 1)
    assert without_refused(Choice(modules, {}), cache).compiled == modules
    remember(refused, modules[name], cache)
    compiled, kept = without_refused(Choice(modules, {}), cache)
    assert compiled.keys() == modules.keys() - {name}
    assert [each.line for each in kept[name]] == [refused.line]
    modules[name].write_text("changed = 1\n")
    assert without_refused(Choice(modules, {}), cache).compiled == modules


def test_a_log_that_blames_no_module(modules: dict[PurePosixPath, Path]) -> None:
    assert find_refused("Problem at '/elsewhere/x.py:3' with it\nFATAL: no space", modules) is None


def test_modules_that_others_import(tmp_path: Path) -> None:
    texts = {
        "shop/tags.py": "from shop.tests.base import helper\n",
        "shop/tests/__init__.py": "",
        "shop/tests/base.py": "from . import factory\n",
        "shop/tests/factory.py": "",
        "shop/tests/test_tags.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    tests = [PurePosixPath(name) for name in texts if "tests" in name]
    found = imported_from([PurePosixPath("shop/tags.py")], tests, tmp_path)
    assert set(map(str, found)) == {"shop/tests/__init__.py", "shop/tests/base.py", "shop/tests/factory.py"}
