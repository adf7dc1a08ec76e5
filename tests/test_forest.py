"""Generated packages: everything that can be imported and read in an environment can be in the bundle too.

They have namespaces, data with any name, metadata and entry points, and are put into an environment as an installer
does it. All packages of a run go into one bundle.
"""

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import PROJECTS
from tests.support.wheel import make_environment, run

NAMES = ("alpha", "beta", "_private", "Camel", "ünï", "data", "static", "lib", "main", "x1")
NAMESPACES = ("odd", "odd.deeper", "even")
DATA = ("read me.txt", "ünïcode.json", ".hidden", "noextension", "a.b.d", "empty", "table.csv", "x.tmpl", "Makefile")
FOLDERS = ("", "files/", "files/deep er/", "ü/")
GROUP = "odd.plugins"


@dataclass(frozen=True)
class Grown:
    """A distribution. `modules` are dotted names below its top package; "" is the package itself."""

    number: int
    namespace: str  # "" for a package at the top
    is_package: bool  # else one module
    modules: frozenset[str]
    without_init: frozenset[str]  # those of the packages that have no __init__
    data: dict[str, bytes]
    version: str
    summary: str
    plugins: tuple[str, ...]
    is_imported: bool  # imported by the project; otherwise only its plug-ins lead to it

    @property
    def name(self) -> str:
        return f"Odd.Tree-{self.number}"

    @property
    def top(self) -> str:
        own = f"tree{self.number}"
        return f"{self.namespace}.{own}" if self.namespace else own

    def dotted(self) -> list[str]:
        return [f"{self.top}.{name}" if name else self.top for name in sorted({"", *self.modules})]

    def files(self) -> Iterator[tuple[PurePosixPath, bytes]]:
        """Yield each file's path in site-packages and its content."""
        names = self.dotted()
        for name in names:
            is_package = (name == self.top and self.is_package) or any(each.startswith(f"{name}.") for each in names)
            path = PurePosixPath(*name.split("."))
            if not is_package:
                yield path.with_name(f"{path.name}.py"), source(name)
            elif name.removeprefix(f"{self.top}.") not in self.without_init:
                yield path / "__init__.py", source(name)
        for name, content in self.data.items():
            yield PurePosixPath(*self.top.split("."), name), content

    def metadata(self) -> Iterator[tuple[PurePosixPath, bytes]]:
        folder = PurePosixPath(f"Odd.Tree_{self.number}-{self.version}.dist-info")
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}", f"Summary: {self.summary}"]
        yield folder / "METADATA", "\n".join([*lines, "Requires-Dist: not-there; extra == 'more'", ""]).encode()
        if self.plugins:
            lines = [f"{plugin} = {self.top}:answer" for plugin in self.plugins]
            yield folder / "entry_points.txt", "\n".join([f"[{GROUP}]", *lines, ""]).encode()


def source(name: str) -> bytes:
    return f'"""Of {name}."""\nVALUE = {name!r}\n\n\ndef answer():\n    return VALUE\n'.encode()


@st.composite
def grown(draw: st.DrawFn, number: int) -> Grown:
    is_package = draw(st.booleans())
    below = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(".".join)
    modules = draw(st.frozensets(below, max_size=5)) if is_package else frozenset()
    folders = {name.rpartition(".")[0] for name in modules} - {""}
    modules |= folders | {name.rpartition(".")[0] for name in folders} - {""}
    data = st.dictionaries(
        st.builds("".join, st.tuples(st.sampled_from(FOLDERS), st.sampled_from(DATA))),
        st.binary(max_size=3000),
        max_size=4,
    )
    plugins = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=2))
    return Grown(
        number=number,
        namespace=draw(st.sampled_from(("", *NAMESPACES))),
        is_package=is_package,
        modules=frozenset(modules),
        without_init=frozenset(draw(st.sets(st.sampled_from(sorted(folders) or ["none"])))),
        data=draw(data) if is_package else {},
        version=draw(st.sampled_from(("1.0", "2026.11", "0.1.dev3", "1!2.0+local.1"))),
        summary=draw(st.sampled_from(("", "Trees", "Ünïcode: and a colon"))),
        plugins=tuple(plugins),
        is_imported=not plugins or draw(st.booleans()),
    )


forests = st.integers(12, 20).flatmap(lambda count: st.tuples(*map(grown, range(count))))


@dataclass(frozen=True)
class Ground:
    programs: Path
    project: Path

    @property
    def packages(self) -> Path:
        return next((self.programs.parent / "lib").glob("python3*/site-packages"))

    def plant(self, forest: tuple[Grown, ...]) -> None:
        """Install the distributions, and a package that imports some of them in a function.

        So the project itself is always the same, and is compiled only once.
        """
        self.clear()
        for tree in forest:
            self.install([*tree.files(), *tree.metadata()])
        imports = [f"    import {name}" for tree in forest if tree.is_imported for name in tree.dotted()]
        user = "\n".join(["def use():", *imports, "    return None", ""]).encode()
        metadata = b"Metadata-Version: 2.1\nName: odd-user\nVersion: 1\n"
        self.install(
            [
                (PurePosixPath("odd_user.py"), user),
                (PurePosixPath("odd_user-1.dist-info", "METADATA"), metadata),
            ]
        )

    def install(self, files: list[tuple[PurePosixPath, bytes]]) -> None:
        """Install a distribution, with the files that an installer leaves behind."""
        record = []
        for name, content in files:
            (self.packages / name).parent.mkdir(parents=True, exist_ok=True)
            (self.packages / name).write_bytes(content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f'"{name}",sha256={digest},{len(content)}')
        info = next(name.parent for name, _ in files if name.name == "METADATA")
        (self.packages / info / "RECORD").write_text("\n".join([*record, f'"{info}/RECORD",,', ""]))

    def clear(self) -> None:
        for pattern in ("[Oo]dd*", "even", "tree*"):
            for path in self.packages.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(scope="module")
def ground(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("forest")
    programs = make_environment(folder / "environment", "3.13", wheel, "django>=6.1,<6.2")
    return Ground(programs, Path(shutil.copytree(PROJECTS / "forest", folder / "project")))


@given(forest=forests)
@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a build for each step of a reduction would take too long
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
def test_what_is_there_is_in_the_bundle(ground: Ground, forest: tuple[Grown, ...]) -> None:
    ground.plant(forest)
    content = {
        "modules": [name for tree in forest for name in tree.dotted()],
        "data": [(tree.top, name) for tree in forest for name in tree.data],
        "distributions": [tree.name for tree in forest],
    }
    named = ground.project.parent / "forest.json"
    named.write_text(json.dumps(content))
    expected = run(ground.programs / "python", ground.project / "manage.py", "tell", named)
    bundle = ground.project.parent / "dist" / "forest"
    run(ground.programs / "djbundle", "build", "--no-verify", ground.project, "-o", bundle)
    ground.clear()
    command: list[str | Path] = [bundle, "tell", named, "--data-dir", ground.project.parent / "data"]
    result = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == json.loads(expected)
