"""The SBOM of a bundle: its components, what wheels tell of theirs, and licences. tests/bundle has one of a bundle."""

import json
import shutil
from email.message import Message
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from djbundle.builder.contents import stdlib
from djbundle.builder.copyleft import MEANING, find_copyleft, kind_of, kind_of_library
from djbundle.builder.core.target import this_target
from djbundle.builder.core.tree import Tree
from djbundle.builder.dependencies.package_selection import Dependency
from djbundle.builder.inventory.component import Component
from djbundle.builder.inventory.machine_code import linked_libraries
from djbundle.builder.inventory.python_packages import is_license, licenses_of
from djbundle.builder.inventory.sbom import to_json
from djbundle.builder.inventory.system_packages import NAMED_TEXT, owners_of
from djbundle.builder.inventory.system_packages import licenses_of as licenses_of_debian
from djbundle.builder.inventory.wheel_sboms import components_of, is_sbom
from djbundle.builder.native import elf
from djbundle.builder.project import installed

BUILT = 1_700_000_000


def components() -> list[Component]:
    """Return components with what is hard to write: licences of all kinds, and the same part in two others."""
    digest = "ab" * 32
    part = Component("library", "openssl", "3.5.9", purl="pkg:generic/openssl@3.5.9")
    return [
        Component("library", "b", "1", purl="pkg:pypi/b@1", licenses=["MIT OR Apache-2.0"], parts=[part]),
        Component("library", "a", "1", purl="pkg:pypi/a@1", licenses=["BSD License", "MIT"], parts=[part, part]),
        Component("library", "c", licenses=["MIT OR GPL-2.0-only", "something of our own"]),
        Component("library", "d", "1:2~3+4", parts=[Component("file", "_lib/libd.so.1", sha256=digest)]),
    ]


def test_what_is_written_is_valid() -> None:
    text = to_json(Component("application", "shop", "1"), components(), BUILT)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert [each["name"] for each in document["components"]] == ["a", "b", "c", "d"]
    assert document["metadata"]["component"]["name"] == "shop"
    assert document["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"


def test_the_same_components_are_the_same_bytes_in_any_order() -> None:
    own = Component("application", "shop", "1")
    text = to_json(own, components(), BUILT)
    assert to_json(own, components()[::-1], BUILT) == text
    other = to_json(own, components()[1:], BUILT)
    assert json.loads(other)["serialNumber"] != json.loads(text)["serialNumber"]


def test_sboms_in_wheels(tmp_path: Path) -> None:
    """They are documents of cargo and auditwheel in CycloneDX's format, or SPDX."""
    assert is_sbom("granian-2.8.7.dist-info/sboms/granian.cyclonedx.json")
    assert not is_sbom("granian/sboms/other.json")
    inner = {"name": "ring", "version": "0.17", "licenses": [{"license": {"name": "ring's own"}}]}
    outer = {
        "name": "tokio",
        "version": "1.50.0",
        "purl": "pkg:cargo/tokio@1.50.0?download_url=file://.",
        "licenses": [{"expression": "MIT"}],
        "hashes": [{"alg": "SHA-1", "content": "00"}, {"alg": "SHA-256", "content": "ab" * 32}],
        "components": [inner],
    }
    document = {"bomFormat": "CycloneDX", "components": [{"name": "psycopg_binary"}, outer]}
    (tmp_path / "cargo.json").write_text(json.dumps(document))
    tokio, ring = components_of(tmp_path / "cargo.json", "psycopg-binary")
    assert tokio == Component(
        "library", "tokio", "1.50.0", purl="pkg:cargo/tokio@1.50.0", licenses=["MIT"], sha256="ab" * 32
    )
    assert (ring.name, ring.licenses) == ("ring", ["ring's own"])
    package = {
        "name": "libpng",
        "versionInfo": "1.6.50",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "libpng-2.0",
        "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:generic/libpng@1.6.50"}],
    }
    (tmp_path / "spdx.json").write_text(json.dumps({"spdxVersion": "SPDX-2.3", "packages": [package]}))
    (libpng,) = components_of(tmp_path / "spdx.json", "pillow")
    assert (libpng.version, libpng.licenses, libpng.purl) == ("1.6.50", ["libpng-2.0"], "pkg:generic/libpng@1.6.50")
    for text in ("[]", "no JSON"):
        (tmp_path / "odd.json").write_text(text)
        assert components_of(tmp_path / "odd.json", "pillow") == []


@pytest.mark.parametrize(
    ("headers", "licenses"),
    [
        ([("License-Expression", "MIT OR Apache-2.0"), ("License", "MIT")], ["MIT OR Apache-2.0"]),
        (
            [
                ("Classifier", "License :: OSI Approved"),
                ("Classifier", "License :: OSI Approved :: BSD License"),
                ("License", "see LICENSE"),
            ],
            ["BSD License"],
        ),
        ([("License", "BSD-3-Clause")], ["BSD-3-Clause"]),
        ([("License", "a whole\ntext")], []),
        ([("License", "UNKNOWN")], []),
    ],
)
def test_licenses_in_metadata(headers: list[tuple[str, str]], licenses: list[str]) -> None:
    message = Message()
    for name, value in headers:
        message[name] = value
    assert licenses_of(message) == licenses


def test_license_texts_of_distributions() -> None:
    texts = (
        "a-1.dist-info/licenses/vendor/X",
        "a-1.dist-info/LICENSE.md",
        "a-1.dist-info/COPYING",
        "a-1.dist-info/NOTICE",
    )
    assert all(map(is_license, texts))
    assert not any(map(is_license, ("a-1.dist-info/METADATA", "a/LICENSE", "LICENSE")))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\0OpenSSL 3.5.9 29 Sep 2026\0", {("openssl", "3.5.9")}),
        (b"\0OpenSSL 1.1.1w  11 Sep 2023\0", set()),  # of another form
        (b" deflate 1.2.13 Copyright 1995-2022 Jean-loup", {("zlib", "1.2.13")}),
        (b"\x00expat_2.6.3\0", {("expat", "2.6.3")}),
        (b"GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.\n", {("glibc", "2.36")}),
        (b"\0" + b"2026-07-24 19:02:57 " + b"b" * 64 + b"\0" + b"3.53.4\0", {("sqlite", "3.53.4")}),
        (b"2026-07-24 19:02:57 " + b"b" * 64 + b"\0", {("sqlite", "")}),
        (b"OpenSSL is not in here", set()),
    ],
)
def test_libraries_inside_a_file(content: bytes, found: set[tuple[str, str]], tmp_path: Path) -> None:
    (tmp_path / "library").write_bytes(content)
    assert {(each.name, each.version) for each in linked_libraries(tmp_path / "library")} == found


def test_owners_of_system_files(tmp_path: Path) -> None:
    libc = Path("/lib/x86_64-linux-gnu/libc.so.6").resolve()
    if not Path("/var/lib/dpkg/status").exists() or not libc.exists():
        pytest.skip("this machine has no packages of Debian")
    owners = owners_of([libc, tmp_path / "nobody's"])
    assert {*owners} == {libc}
    assert owners[libc].name == "libc6"
    assert owners[libc].purl.startswith("pkg:deb/debian/libc6@2.")
    assert owners[libc].texts[0] == Path("/usr/share/doc/libc6/copyright")
    assert owners_of([]) == {}


def test_owners_in_the_system_of_another_machine(tmp_path: Path) -> None:
    """It lies in a folder, with the database of its package manager."""
    if shutil.which("dpkg-query") is None:
        pytest.skip("this machine has no packages of Debian")
    library = tmp_path / "usr" / "lib" / "aarch64-linux-gnu" / "libdemo.so.1"
    status = "Package: libdemo1\nStatus: install ok installed\nMaintainer: a\nDescription: b\n"
    files = {
        "etc/os-release": 'NAME="A B"\nID="debian"\n',
        "var/lib/dpkg/status": f"{status}Architecture: arm64\nMulti-Arch: same\nSource: demo\nVersion: 2:1.0+b-1\n",
        "var/lib/dpkg/info/format": "1\n",
        "var/lib/dpkg/info/libdemo1:arm64.list": "/.\n/lib/aarch64-linux-gnu/libdemo.so.1\n",
        "usr/share/doc/libdemo1/copyright": "License: Zlib\n",
        str(library.relative_to(tmp_path)): "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    package = owners_of([library], tmp_path)[library]
    assert package.purl == "pkg:deb/debian/libdemo1@2%3A1.0%2Bb-1?arch=arm64&upstream=demo"
    assert package.licenses == ("Zlib",)
    assert package.texts == (tmp_path / "usr/share/doc/libdemo1/copyright",)


def test_copyright_files_of_debian() -> None:
    text = (
        "Files: *\nLicense:   LGPL-2.1+\n see `/usr/share/common-licenses/LGPL-2.1'.\nLicense: Expat\nLicense: Expat\n"
    )
    assert licenses_of_debian(text) == ["Expat", "LGPL-2.1+"]
    assert NAMED_TEXT.findall(text + "/usr/share/common-licenses/GPL-3. /usr/share/common-licenses/BSD\n") == [
        "LGPL-2.1",
        "GPL-3",
        "BSD",
    ]


@pytest.mark.parametrize(
    ("licenses", "kind"),
    [
        (["GPL-3.0-or-later"], "GPL"),
        (["GNU General Public License v3 (GPLv3)"], "GPL"),
        (["AGPL-3.0-only"], "AGPL"),
        (["GNU Affero General Public License v3"], "AGPL"),
        (["MIT AND GPL-2.0-only"], "GPL"),
        (["EPL-2.0 OR GPL-2.0-or-later"], ""),
        (["GPL-2.0-only OR AGPL-3.0-only"], "GPL"),
        (["GPL-3.0-or-later WITH GCC-exception-3.1"], ""),
        (["LGPL-3.0-only"], ""),
        (["GNU Lesser General Public License v3 (LGPLv3)"], ""),
        (["GNU Library or Lesser General Public License (LGPL)"], ""),
        (["MIT License", "GNU General Public License (GPL)"], ""),
        ([], ""),
    ],
)
def test_copyleft_of_packages(licenses: list[str], kind: str) -> None:
    assert kind_of(licenses) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("libreadline.so.8", "GPL"),
        ("libreadline-1a2b3c4d.so.8.2", "GPL"),
        ("libgdbm_compat.so.4", "GPL"),
        ("libgs.so.10", "AGPL"),
        ("libgsl.so.27", "GPL"),
        ("libgssapi_krb5.so.2", ""),
        ("libc.so.6", ""),
    ],
)
def test_copyleft_of_libraries(name: str, kind: str) -> None:
    assert kind_of_library(name) == kind


def test_readline_goes_in_only_if_it_is_used(tmp_path: Path) -> None:
    """It is under the GPL where it needs libreadline. That of uv's Python needs libedit."""
    target = this_target()
    readline = next(target.extensions.glob("readline.*.so"), None)
    if readline is None or not any("libreadline" in each for each in elf.read_dynamic(readline).needed):
        pytest.skip("this Python has no readline of GNU's")
    names = []
    for used in (set(), {"readline"}):
        tree = Tree(tmp_path)
        stdlib._add_extensions(tree, target, used)
        names.append({file.name.partition(".")[0] for file in tree})
    assert names[1] - names[0] == {"readline"}
    assert "_json" in names[0]


def test_packages_of_the_builder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow imports defusedxml if it is there, and it is there only because the builder writes SBOMs."""
    assert {"cyclonedx-python-lib", "py-serializable"} <= installed.only_for_sbom()
    assert "packaging" not in installed.only_for_sbom()
    installed.only_for_sbom.cache_clear()
    monkeypatch.setattr(installed, "is_separate", lambda: True)
    assert installed.only_for_sbom() == frozenset()
    installed.only_for_sbom.cache_clear()


def test_check_names_what_is_under_the_gpl(tmp_path: Path) -> None:
    """It looks at the licences of packages, at libraries in wheels, and at those that the project loads."""
    folder = tmp_path / "strong-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: strong\nVersion: 1\nLicense-Expression: AGPL-3.0-only\n"
    )
    (tmp_path / "strong.libs").mkdir()
    (tmp_path / "strong.libs" / "libgsl-1a2b3c4d.so.27").touch()
    (folder / "RECORD").write_text("strong-1.dist-info/METADATA,,\nstrong.libs/libgsl-1a2b3c4d.so.27,,\n")
    dependency = Dependency("strong", "1", "", PathDistribution(folder))
    found = [*find_copyleft([dependency], ["/lib/libreadline.so.8", "/lib/libc.so.6"])]
    assert [(each.place, each.cause) for each in found] == [
        ("strong 1", "is under AGPL-3.0-only"),
        ("libgsl-1a2b3c4d.so.27", "is under the GPL"),
        ("libreadline.so.8", "is under the GPL"),
    ]
    assert [each.fix for each in found] == [MEANING["AGPL"], MEANING["GPL"], MEANING["GPL"]]
