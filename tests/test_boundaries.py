"""The architecture: which package may import which, their order, and which parts of djbundle are in a bundle."""

import ast
import graphlib
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

import djbundle

PACKAGE = Path(djbundle.__file__).parent


def imports_of(path: Path) -> set[str]:
    """Return every djbundle module that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == "djbundle"}


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("runtime", ("djbundle.builder", "djbundle.cli")),
        ("builder", ("djbundle.runtime", "djbundle.tasks")),
        ("tasks", ("djbundle.builder", "djbundle.runtime", "djbundle.cli", "djbundle.manifest")),
    ],
)
def test_who_may_import_whom(folder: str, forbidden: tuple[str, ...]) -> None:
    files = list((PACKAGE / folder).rglob("*.py"))
    assert len(files) > 10
    for path in files:
        assert [name for name in imports_of(path) if name.startswith(forbidden)] == [], path


# --- the packages ---

SHARED = frozenset(
    ("errors", "manifest", "contract", "settings_module", "storages", "stand_ins", "common")
)  # for all of djbundle
# Each may import those before it. ROOT stands for the modules in the folder itself.
ROOT = "(root)"
BUILDER = (
    "machines",
    "core",
    "project",
    "inspection",
    "dependencies",
    "native",
    "contents",
    "inventory",
    "archive",
    "verify",
    "reports",
    ROOT,
)
RUNTIME = (
    *(
        ROOT,
        "core",
        "logs",
        "process",
        "database",
        "move",
        "backup",
        "settings",
        "net",
        "metrics",
        "options",
        "tls",
        "handover",
    ),
    *("http", "files", "cli", "start", "management", "serve"),
)
MAY_BE_WIRED = frozenset(("djbundle.tasks.testing", "djbundle.tasks.apps"))  # root modules that import the worker
MAX_FILES = 22  # in one folder, so that it can be read at a glance
SOURCES = (".py", ".c", ".h")


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> Mapping[str, Path]:
    return {name_of(path): path for path in PACKAGE.rglob("*.py")}


def run_at_import(body: Sequence[ast.stmt], *, and_later: bool = False) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run with the module: none in a function unless `and_later`, none for a type checker."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from run_at_import(node.orelse, and_later=and_later)
        elif and_later or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for field in ("body", "orelse", "finalbody", "handlers"):
                for child in getattr(node, field, []):
                    inner = child.body if isinstance(child, ast.ExceptHandler) else [child]
                    yield from run_at_import(inner, and_later=and_later)


def imports_when_loaded(path: Path, *, and_later: bool = False) -> set[str]:
    """Return the modules of djbundle that this module imports when it is loaded; also `and_later`, in a function."""
    imported = set()
    for node in run_at_import(ast.parse(path.read_text()).body, and_later=and_later):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
            continue
        assert node.level == 0, f"{path} has a relative import"
        names = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        imported |= {each if each in modules() else str(node.module) for each in names.values()}
    return {name for name in imported if name in modules() and name != name_of(path)}


@cache
def imports() -> Mapping[str, set[str]]:
    return {name: imports_when_loaded(path) for name, path in modules().items()}


def package_of(name: str, root: str) -> str:
    """Return the folder directly below `root` that contains the module."""
    below = modules()[name].parent.relative_to(PACKAGE / root).parts
    return below[0] if below else ROOT


def part_of(name: str) -> str:
    """Return the folder or module directly below djbundle, or ROOT for djbundle itself, which has its version."""
    return (name.split(".")[1:2] or [ROOT])[0]


def arrows(root: str) -> dict[str, dict[str, list[str]]]:
    """Return which package of this folder imports which other, and by which lines."""
    imports_by_package: dict[str, dict[str, list[str]]] = {}
    inside = f"djbundle.{root}"
    for name in modules():
        if name != inside and not name.startswith(f"{inside}."):
            continue
        source = package_of(name, root)
        imports_by_package.setdefault(source, {})
        for other in imports()[name]:
            if other.startswith(f"{inside}.") and package_of(other, root) != source:
                imports_by_package[source].setdefault(package_of(other, root), []).append(f"{name} imports {other}")
    return imports_by_package


def assert_no_circle(graph: Mapping[str, object]) -> None:
    try:
        graphlib.TopologicalSorter(graph).prepare()  # type: ignore[type-var,arg-type,unused-ignore]
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_reader_of_imports() -> None:
    """The reader sees imports that run with the module, and no others."""
    lines = (
        "import djbundle.errors",
        "try:\n    from djbundle import manifest\nexcept ImportError:\n    import djbundle.storages",
        "class A:\n    from djbundle.common.periodic import Periodic",
        "if TYPE_CHECKING:\n    import djbundle.cli",
        "def later():\n    import djbundle.builder.scan",
    )
    statements = run_at_import(ast.parse("\n".join(lines)).body)
    assert [ast.unparse(node) for node in statements] == [
        "import djbundle.errors",
        "from djbundle import manifest",
        "import djbundle.storages",
        "from djbundle.common.periodic import Periodic",
    ]
    with pytest.raises(pytest.fail.Exception, match=r"a imports b imports a|b imports a imports b"):
        assert_no_circle({"a": {"b"}, "b": {"a"}})


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert len(imports()) > 200
    assert sum(map(len, imports().values())) > 500
    assert_no_circle(imports())


def test_imports_in_functions_hide_no_circle() -> None:
    """An import in a function is for speed, or for what Django has not set up yet. It is no way out of a circle."""
    all_imports = {name: imports_when_loaded(path, and_later=True) for name, path in modules().items()}
    assert sum(map(len, all_imports.values())) > sum(map(len, imports().values()))
    assert_no_circle(all_imports)


@pytest.mark.parametrize("root", ["builder", "runtime"])
def test_no_circle_of_packages(root: str) -> None:
    assert_no_circle(arrows(root))


@pytest.mark.parametrize(("root", "order"), [("builder", BUILDER), ("runtime", RUNTIME)])
def test_packages_stand_in_layers(root: str, order: tuple[str, ...]) -> None:
    assert set(arrows(root)) == set(order), "a new package needs its place in the order"
    upwards = [
        line
        for package, others in arrows(root).items()
        for other, lines in others.items()
        if order.index(other) > order.index(package)
        for line in lines
    ]
    assert upwards == []


def test_layers_of_tasks() -> None:
    """The store does not import the worker, and the modules that an application imports do not load it."""
    packages = arrows("tasks")
    assert set(packages["models"]) == {ROOT, "store"}
    assert set(packages["store"]) == {ROOT, "models"}
    assert set(packages["worker"]) == {ROOT, "models", "store"}
    assert set(packages["engine"]) == {ROOT, "models", "store", "worker"}
    assert {line.split()[0] for line in packages[ROOT]["worker"]} <= MAY_BE_WIRED
    assert set(packages["conformance"]) == {ROOT}
    assert [name for name, others in packages.items() if "conformance" in others] == []


def test_shared_modules_stand_below_all() -> None:
    """Every module of djbundle may import the shared ones, so these import only each other."""
    names = [name for name in modules() if part_of(name) in SHARED]
    assert {part_of(name) for name in names} == SHARED
    for name in names:
        assert {part_of(other) for other in imports()[name]} <= SHARED, name


@pytest.mark.parametrize("root", ["builder", "runtime", "tasks"])
def test_parts_meet_in_shared_modules_alone(root: str) -> None:
    """At their top level, modules of a part import only shared modules and modules of the same part."""
    inside = [name for name in modules() if name.startswith(f"djbundle.{root}.")]
    used = {part_of(other) for name in inside for other in imports()[name]}
    assert used <= SHARED | {root, ROOT}


# --- files in a folder, and C ---


def test_folders_are_small() -> None:
    folders = [PACKAGE, *(path for path in PACKAGE.rglob("*") if path.is_dir())]
    counts = {folder: sum(path.suffix in SOURCES for path in folder.iterdir()) for folder in folders}
    assert sum(counts.values()) > 300
    assert {str(folder): count for folder, count in counts.items() if count > MAX_FILES} == {}


# For each folder: the folders whose headers its C files may include.
LAUNCHER = {
    "base": {"base", "platform"},
    "platform": {"base", "platform"},
    "archive": {"base", "platform", "archive"},
    "start": {"base", "platform", "archive", "start"},
}


@pytest.mark.parametrize("folder", LAUNCHER)
def test_layers_of_the_launcher(folder: str) -> None:
    files = [path for path in (PACKAGE / "launcher" / folder).rglob("*") if path.suffix in (".c", ".h")]
    assert files
    for path in files:
        included = set(re.findall(r'^\s*#\s*include\s+"(\w+)/', path.read_text(), re.MULTILINE))
        assert included & LAUNCHER.keys() <= LAUNCHER[folder], path


def test_launcher_has_no_other_folders() -> None:
    assert {path.name for path in (PACKAGE / "launcher").iterdir() if path.is_dir()} == LAUNCHER.keys()


# --- the bundle ---


def test_bundle_holds_no_builder_and_only_sources_of_the_project(shop: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    environment = {"DJBUNDLE_EXTRACT": str(tree), "HOME": str(tmp_path)}
    subprocess.run([shop, "version"], env=environment, capture_output=True, check=True)
    names = [str(path.relative_to(tree)).partition("/")[2] for path in tree.rglob("*")]
    assert "djbundle/runtime/cli/main.pyc" in names
    assert "catalogue/migrations/0001_initial.pyc" in names
    unwanted = ("djbundle/builder", "djbundle/cli", "djbundle/tasks/conformance", "nuitka/", "pip/")
    assert [name for name in names if name.startswith(unwanted)] == []
    own = ("catalogue/", "orders/", "shop/")
    assert [name for name in names if name.endswith(".py") and not name.startswith((*own, "manage.py"))] == []
    assert {"catalogue/views.py", "catalogue/migrations/0001_initial.py"} <= {*names}
    assert [name for name in names if name.startswith(own) and name.endswith("views.pyc")] == []
    assert [name for name in names if "/tests/" in name and name.startswith(own)] == []
