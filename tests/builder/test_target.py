"""The Python of another machine, in a folder: where its parts lie, and what is refused before much time is lost."""

import sys
from pathlib import Path

import pytest

from djbundle.builder.core.cache import Cache
from djbundle.builder.core.target import Target, target_in, this_target
from djbundle.builder.core.tree import Tree
from djbundle.builder.dependencies.package_selection import Dependency
from djbundle.builder.dependencies.target_wheels import is_pure, with_wheels_for
from djbundle.builder.machines import MACHINES, this_machine
from djbundle.builder.machines.machine import Machine
from djbundle.builder.native import compiler, elf, libraries
from djbundle.builder.native.target_sqlite import check_sqlite, sqlite_version
from djbundle.builder.options import BuildOptions
from djbundle.builder.project import installed
from djbundle.errors import SqliteTooOldError, TargetError
from tests.support.machines import bench_of

VERSION = "python{}.{}".format(*sys.version_info)


@pytest.fixture
def other() -> Machine:
    return next(machine for machine in MACHINES.values() if machine != this_machine())


@pytest.fixture
def target(tmp_path: Path, other: Machine) -> Target:
    """Make a folder as Debian's packages leave it, without a program."""
    root = tmp_path / "root"
    variables = {"LIBPL": f"/usr/lib/{VERSION}/config", "SOABI": f"cpython-{other.triplet}"}
    files = {
        f"usr/lib/{VERSION}/_sysconfigdata__{other.triplet}.py": f"build_time_vars = {variables}",
        f"usr/include/{VERSION}/patchlevel.h": '#define PY_MINOR_VERSION 1\n#define PY_VERSION   \t"3.99.1rc1"\n',
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    return target_in(root, other)


def test_parts_lie_in_the_folder(target: Target, tmp_path: Path) -> None:
    assert target.is_other
    assert target.version == "3.99.1rc1"
    assert target.stdlib == tmp_path / "root" / "usr" / "lib" / VERSION
    assert target.extensions == target.stdlib / "lib-dynload"
    assert target.folder("LIBPL") == target.stdlib / "config"
    assert target.variable("LIBS") == ""


def test_this_python_is_no_other() -> None:
    target = this_target()
    assert not target.is_other
    assert (target.include / "Python.h").is_file()
    assert target.folder("LIBPL").is_dir()


def test_folder_without_such_a_python(target: Target) -> None:
    with pytest.raises(TargetError, match=f"has no {VERSION} for {this_machine().name}"):
        target_in(target.root, this_machine())


def test_another_machine_needs_a_python(other: Machine) -> None:
    options = BuildOptions(project=Path(), target=f"linux-{other.name}")
    with pytest.raises(TargetError, match=f"a bundle for {other.name} needs a Python for it"):
        options.find_target()
    assert BuildOptions(project=Path(), target=f"linux-{this_machine().name}").find_target() == this_target()


def dependency(name: str, version: str | None = None) -> Dependency:
    distribution = installed.distribution(name)
    return Dependency(name, version or distribution.version, "a test", distribution)


def test_packages_with_machine_code_are_those_of_the_target(target: Target, tmp_path: Path) -> None:
    own = [dependency("django"), dependency("granian")]
    django, granian = with_wheels_for(target, own, tmp_path / "wheels")
    assert [is_pure(each.distribution) for each in own] == [True, False]
    assert django is own[0]
    assert granian.distribution.version == own[1].version
    modules = [Path(file.path) for file in installed.files_of(granian.distribution) if file.name.endswith(".so")]
    assert [elf.machine_of(path) for path in modules] == [target.machine.elf]


def test_each_package_without_a_wheel_is_named(target: Target, tmp_path: Path) -> None:
    packages = [dependency("granian"), dependency("granian", "0.0.1"), dependency("brotli", "0.0.2")]
    with pytest.raises(TargetError) as caught:
        with_wheels_for(target, packages, tmp_path / "wheels")
    assert caught.value.cause.endswith(f"for {target.machine.name} of granian 0.0.1, brotli 0.0.2")


@pytest.mark.parametrize(
    ("source", "version", "is_refused"),
    [
        ('const char sqlite3_version[] = "3.53.4";', "3.53.4", False),
        ('const char sqlite3_version[] = "3.46.1";', "3.46.1", True),
        ("extern const char sqlite3_version[]; char first(void) { return *sqlite3_version; }", None, True),
    ],
)
def test_sqlite_of_the_target(other: Machine, tmp_path: Path, source: str, version: str, is_refused: bool) -> None:
    """A library that only uses SQLite defines no version."""
    library = tmp_path / "libsqlite3.so.0"
    (tmp_path / "source.c").write_text(source)
    bench_of(other.name).compile("-shared", "-fPIC", tmp_path / "source.c", "-o", library)
    assert sqlite_version(library) == version
    if is_refused:
        with pytest.raises(SqliteTooOldError, match=version or "an unknown version"):
            check_sqlite(library)
    else:
        check_sqlite(library)


def test_library_that_the_folder_lacks_is_that_of_the_compiler(other: Machine) -> None:
    """A Python that was made for no one distribution brings no C library."""
    bench = bench_of(other.name)
    assert compiler.find_library("libc.so.6", other) == bench.library("libc.so.6")
    assert compiler.find_library("libnowhere.so.1", other) is None


def test_machine_code_of_another_machine_is_named(target: Target, tmp_path: Path) -> None:
    """Such is that of a package that is installed in editable mode."""
    tree = Tree(tmp_path / "tree", target.machine)
    granian = installed.files_of(installed.distribution("granian"))
    module = next(Path(file.path) for file in granian if file.name.endswith(".so"))
    tree.add("package/speedups.so", module, "project")
    with pytest.raises(TargetError, match=r"package/speedups\.so is not for"):
        libraries.close_libraries(tree, [], target, Cache(tmp_path / "cache"))
