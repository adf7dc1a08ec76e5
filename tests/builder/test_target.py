"""The Python of another machine, in a folder: where its parts lie, and what is refused before much time is lost."""

import contextlib
import hashlib
import json
import shutil
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from djbundle.builder.core.cache import Cache
from djbundle.builder.core.target import Target, target_in, this_target
from djbundle.builder.core.tree import Tree
from djbundle.builder.dependencies.package_selection import SERVICES, Dependency
from djbundle.builder.dependencies.target_wheels import is_pure, with_wheels_for
from djbundle.builder.machines import MACHINES, this_machine
from djbundle.builder.machines.machine import Machine
from djbundle.builder.native import compiler, elf, libraries
from djbundle.builder.native.target_glibc import check_glibc
from djbundle.builder.native.target_sqlite import check_built_in_sqlite, check_sqlite, sqlite_version
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


def archive_of_python(root: Path, folder: Path, machine: Machine, version: str) -> dict[str, object]:
    """Pack the Python in `root` as one that uv downloads. Return its entry in uv's list of downloads."""
    program = root / "usr" / "bin" / VERSION
    program.parent.mkdir(exist_ok=True)
    program.write_bytes(b"\x7fELF")  # never started
    archive = folder / f"python-{version}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root / "usr", "python")
    major, minor, patch = map(int, version.split("."))
    return {
        "name": "cpython",
        "arch": {"family": machine.name, "variant": None},
        "variant": None,
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": archive.as_uri(),
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
    }


def test_uv_installs_a_python_for_another_machine(
    target: Target, other: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is downloaded again. If the cache has several, the newest is taken."""
    monkeypatch.setenv("DJBUNDLE_BUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(tmp_path / "list.json"))
    minor = "{}.{}".format(*sys.version_info)
    name, newer = (f"cpython-{minor}.{patch}-linux-{other.name}-gnu" for patch in (9, 10))
    (tmp_path / "list.json").write_text(
        json.dumps({name: archive_of_python(target.root, tmp_path, other, f"{minor}.9")})
    )
    options = BuildOptions(project=Path(), target=f"linux-{other.name}")
    installed = options.find_target()
    assert (installed.root.name, installed.version) == (name, "3.99.1rc1")
    (tmp_path / "list.json").unlink()
    assert options.find_target() == installed
    shutil.copytree(installed.root, installed.root.with_name(newer))
    assert options.find_target().root.name == newer


def test_a_python_that_uv_cannot_install(other: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJBUNDLE_BUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(tmp_path / "list.json"))
    (tmp_path / "list.json").write_text("{}")
    with pytest.raises(TargetError, match=f"uv could not install a Python for {other.name}: .+") as caught:
        BuildOptions(project=Path(), target=f"linux-{other.name}").find_target()
    assert "--target-python DIR" in caught.value.fix
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


def test_optional_package_without_a_wheel_stays_out(target: Target, tmp_path: Path) -> None:
    """It is there for a variable that may name another database."""
    driver = replace(dependency("brotli", "0.0.2"), reason=SERVICES[0][0])
    packages = with_wheels_for(target, [dependency("django"), driver, dependency("granian")], tmp_path / "wheels")
    assert [each.name for each in packages] == ["django", "granian"]


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


@pytest.mark.parametrize(("date", "is_refused"), [("2026-01-09", True), ("2026-07-24", False)])
def test_sqlite_that_is_hidden_in_the_interpreter(tmp_path: Path, date: str, is_refused: bool) -> None:
    interpreter = tmp_path / "libpython.so"
    interpreter.write_bytes(b"\x7fELF\0" + f"{date} 19:02:57 {'b' * 64}".encode() + b"\0")
    with pytest.raises(SqliteTooOldError, match=f"of {date}") if is_refused else contextlib.nullcontext():
        check_built_in_sqlite(interpreter)


def test_c_library_that_is_too_old_for_the_rest(tmp_path: Path) -> None:
    """It may be that of the compiler, while Python and packages come from newer systems."""
    files = {"_lib/libc.so.6": tmp_path / "libc", "a.so": tmp_path / "a", "b.so": tmp_path / "b"}
    (tmp_path / "libc").write_bytes(b"\0GLIBC_2.4\0GLIBC_2.36\0GLIBC_PRIVATE\0")
    (tmp_path / "a").write_bytes(b"\0GLIBC_2.17\0GLIBC_2.36\0")
    (tmp_path / "b").write_bytes(b"no ELF file names a version")
    check_glibc(files)
    (tmp_path / "b").write_bytes(b"\0GLIBC_2.4\0GLIBC_2.38\0")
    with pytest.raises(TargetError, match=r"b\.so needs glibc 2\.38, and .* is glibc 2\.36"):
        check_glibc(files)


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
