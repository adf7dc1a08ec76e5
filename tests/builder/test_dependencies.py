"""A bundle gets the packages that are loaded and those that are imported late, and no tools."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import django
import pytest
from packaging.version import Version

from djbundle.builder.contents import package_files
from djbundle.builder.contents.package_files import _PackageFilter
from djbundle.builder.dependencies import package_selection
from djbundle.builder.dependencies.imports import ImportedModules, LateImports, NamedGroups
from djbundle.builder.dependencies.package_selection import Dependency, find_dependencies, is_aws_only_for_own_services
from djbundle.builder.inspection.inspection import Inspection, ReadVariable
from djbundle.builder.project import installed
from djbundle.builder.project.configuration import Configuration
from djbundle.builder.project.project import Project
from djbundle.errors import UnsupportedVersionError

INSPECTION = Inspection(
    django="6.1",
    wsgi_application="site_.wsgi.application",
    asgi_application=None,
    apps=[],
    folders={},
    languages=None,
    modules={"django": django.__file__},
    libraries=[],
    opened=[],
    read_sources=[],
    has_static_files=False,
    missing_static_files=[],
    media_root="",
    static_root="",
    variables=[],
    deployment=[],
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import stripe", {"stripe"}),
        ("def view():\n    import stripe.webhook as webhook", {"stripe"}),
        ("try:\n    from google.cloud import storage\nexcept ImportError:\n    pass", {"google.cloud.storage"}),
        ("from importlib import import_module\nimport_module('stripe.webhook')", {"stripe"}),
        ("class A:\n    async def f(self):\n        from stripe import Charge", {"stripe"}),
        ("if TYPE_CHECKING:\n    import stripe\nelse:\n    stripe = None", set()),
        ("import typing\nif typing.TYPE_CHECKING:\n    import stripe", set()),
        ("from .stripe import Charge\nfrom . import stripe", set()),
        ('"""\nimport stripe\n"""', set()),
        ("match a:\n    case 1:\n        with b:\n            import stripe", {"stripe"}),
        ("for a in b:\n    c\nelse:\n    while d:\n        import stripe", {"stripe"}),
        (
            "try:\n    a\nexcept A:\n    import stripe\nfinally:\n    import google.cloud.storage.blob",
            {"stripe", "google.cloud.storage"},
        ),
        ("import stripes, os", set()),
        ("import os, stripe", {"stripe"}),
        ("import stripe this is no Python", set()),
    ],
)
def test_imports_wherever_they_stand(source: str, expected: set[str]) -> None:
    assert set(ImportedModules(["stripe", "google.cloud.storage"]).of(source.encode())) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('entry_points(group="shop.payments")', {"shop.payments"}),
        ("manager.load_setuptools_entrypoints('shop.payments')", {"shop.payments"}),
        ('entry_points(group="shop.payments.more")', set()),
        ("import shop.payments", set()),
    ],
)
def test_groups_of_entry_points(source: str, expected: set[str]) -> None:
    assert NamedGroups(["shop.payments", "a+b"]).of(source.encode()) == expected
    assert NamedGroups([]).of(source.encode()) == set()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Write a project whose view imports decouple when it is called, and whose test imports hypothesis."""
    files = {
        "site_/views.py": "def view(request):\n    import decouple\n",
        "site_/tests.py": "import hypothesis\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Project(
        root=tmp_path,
        settings_module="site_.settings",
        settings_reason="",
        settings_class="",
        name="site",
        version="1",
        commit=None,
        configuration=Configuration(),
        files=tuple(map(Path, files)),
        links={},
    )


def find(project: Project, inspection: Inspection = INSPECTION) -> dict[str, Dependency]:
    return {each.name: each for each in find_dependencies(project, inspection)}


def test_what_a_view_imports_when_it_is_called(project: Project) -> None:
    by_name = find(project)
    assert by_name["python-decouple"].reason == "imported in site_/views.py"
    assert "hypothesis" not in by_name


def test_environment_may_lie_in_a_folder_called_tests(tmp_path: Path) -> None:
    source = tmp_path / "tests" / "views.py"
    source.parent.mkdir()
    source.write_text("def view(request):\n    import b\n")
    owners = SimpleNamespace(
        loaded={"a": {"a.views": source, "a.tests": source}}, modules={"b": {"b": Path("b.py")}}, plugins={}
    )
    late = LateImports(owners, not_searched=())  # type: ignore[arg-type]
    assert late.of_distributions({"a"}) == {"b": "imported in a/views.py"}


def test_plug_ins_of_a_group_that_is_named(tmp_path: Path) -> None:
    """Tools, and packages that are in the bundle already, are not added."""
    source = tmp_path / "a.py"
    source.write_text('def plugins():\n    return entry_points(group="a.plugins")\n')
    owners = SimpleNamespace(
        loaded={"a": {"a": source}}, modules={}, plugins={"a.plugins": {"a", "b", "pytest"}, "c.plugins": {"c"}}
    )
    late = LateImports(owners, not_searched=())  # type: ignore[arg-type]
    assert late.of_distributions({"a"}) == {"b": "has an entry point for a.plugins, which a.py names"}


@pytest.mark.parametrize(
    ("tls", "signer", "expected"),
    [(True, None, {"cryptography", "josepy"}), (False, None, set()), (False, "a key", {"cryptography"})],
)
def test_what_tls_and_signer_need(
    project: Project, tls: bool, signer: str | None, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is added, such as requests, which PyPI's acme requires, or pyOpenSSL."""
    monkeypatch.setattr(installed, "is_for_project", without("asyncssh"))  # it needs cryptography, too
    configuration = Configuration(tls=tls, signer=signer)
    by_name = find(replace(project, configuration=configuration))
    assert {"cryptography", "josepy", "requests", "pyopenssl"} & by_name.keys() == expected
    for name in expected:
        assert by_name[name].reason in ("tls in [tool.djbundle]: serve --domain", "signer in [tool.djbundle]")


def test_cryptography_of_another_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_selection, "OLDEST_CRYPTOGRAPHY", Version("4000"))
    with pytest.raises(UnsupportedVersionError, match="TLS and `signer` need 4000") as caught:
        find(project)
    assert "tls = false" in caught.value.fix
    find(replace(project, configuration=Configuration(tls=False)))


def without(*names: str) -> Callable[[str], bool]:
    """Return a replacement for `is_for_project` that does not know these distributions."""
    is_for_project = installed.is_for_project
    return lambda name: name not in names and is_for_project(name)


def test_packages_of_services_that_a_variable_may_name(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """They go in where they are installed, whatever the settings read; alone, half of a pair does not."""
    reasons = {name: each.reason for name, each in find(project).items()}
    assert reasons["psycopg"] == reasons["dj-database-url"] == "a database that DATABASE_URL may name"
    assert {"psycopg-binary", "psycopg-pool"} < reasons.keys()
    assert reasons["redis"] == "a cache that CACHE_URL may name"
    monkeypatch.setattr(installed, "is_for_project", without("psycopg", "mysqlclient", "redis"))
    assert find(project).keys().isdisjoint({"psycopg", "psycopg-pool", "mysqlclient", "dj-database-url", "redis"})


def test_drivers_come_when_a_variable_may_name_a_database(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "is_for_project", without("psycopg"))
    assert "psycopg" not in find(project)
    variable = ReadVariable(name="DATABASE_URL", needed=False, place="site_/settings.py:1", origin="")
    by_name = find(project, replace(INSPECTION, variables=[variable]))
    assert by_name["psycopg"].reason == "a database that DATABASE_URL may name"
    assert "psycopg-binary" in by_name  # psycopg imports it, though no package requires it


@pytest.mark.parametrize(("source", "is_only"), [("", True), ("def view(request):\n    import boto3\n", False)])
@pytest.mark.parametrize("has_tasks", [True, False])
def test_aws_is_only_for_tasks_and_backups_unless_the_project_uses_it(
    project: Project, source: str, is_only: bool, has_tasks: bool
) -> None:
    (project.root / "site_" / "views.py").write_text(source)
    with_tasks = replace(INSPECTION, modules={**INSPECTION.modules, "djbundle.tasks.apps": "apps.py"})
    dependencies = find(project, with_tasks if has_tasks else INSPECTION)
    assert "botocore" in dependencies
    assert is_aws_only_for_own_services([*dependencies.values()]) == is_only


@pytest.mark.parametrize("name", ["boto3", "asyncssh", "pyrage"])
def test_packages_of_backups_go_in_if_they_are_installed_for_the_project(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert name in find(project)
    monkeypatch.setattr(installed, "is_for_project", without(name))
    assert name not in find(project)


@pytest.mark.parametrize(
    ("path", "is_left_out"),
    [
        ("botocore/data/ec2/2016-11-15/service-2.json.gz", True),
        ("botocore/data/sqs/2012-11-05/service-2.json.gz", False),
        ("botocore/data/s3/2006-03-01/service-2.json.gz", False),
        ("botocore/data/sts/2011-06-15/service-2.json.gz", False),
        ("botocore/data/endpoints.json", False),
        ("boto3/session.py", False),
    ],
)
def test_descriptions_of_other_services_of_aws(path: str, is_left_out: bool) -> None:
    assert _PackageFilter(INSPECTION, is_aws_only_ours=True).leaves_out(path) == is_left_out
    assert not _PackageFilter(INSPECTION, is_aws_only_ours=False).leaves_out(path)


@pytest.mark.parametrize(
    ("source", "loaded", "parts"),
    [
        ("", (), {"cffi", "zstandard"}),
        ("def view(request):\n    import cffi\n", (), {"zstandard"}),
        ("", ("cffi", "zstandard"), set()),
    ],
)
def test_parts_of_packages_that_only_the_runtime_needs(
    project: Project, source: str, loaded: tuple[str, ...], parts: set[str]
) -> None:
    (project.root / "site_" / "views.py").write_text(source)
    modules = {name: import_module(name).__file__ for name in loaded}
    by_name = find(project, replace(INSPECTION, modules={**INSPECTION.modules, **modules}))
    assert {name for name in by_name if by_name[name].part} == parts
    assert ("pycparser" in by_name) == ("cffi" not in parts)
    names = {name for name, _ in package_files._all_files([by_name["cffi"], by_name["zstandard"]], {})}
    assert any(name.startswith("_cffi_backend.") for name in names)
    assert ("cffi/api.py" in names) == ("cffi" not in parts)
    assert ("zstandard/backend_cffi.py" in names) == ("zstandard" not in parts)
    assert any(name.endswith(".dist-info/METADATA") for name in names)


def test_parts_for_a_target_without_their_metadata(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's package of the extension module says nothing of a distribution."""
    found = installed.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == "cffi":
            raise importlib.metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(installed, "distribution", distribution)
    assert "cffi" not in find(project)


def test_project_that_is_installed_too(project: Project) -> None:
    """The installed copy is added only if the project was loaded from it."""
    import decouple  # noqa: PLC0415 - any distribution will do

    named = replace(project, name="python_decouple")
    assert "python-decouple" not in find(named)
    loaded = replace(INSPECTION, modules={**INSPECTION.modules, "decouple": decouple.__file__})
    assert find(named, loaded)["python-decouple"].reason == "loaded as decouple"
