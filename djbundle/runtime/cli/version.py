"""``./shop version``: the versions in the bundle and the commit it was built from."""

import json
from argparse import ArgumentParser
from pathlib import Path

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.options.parser import CommandParser


def versions_by_name(bundle: Bundle) -> dict[str, str | None]:
    """Return the versions by name, in the order of the output."""
    manifest, build = bundle.manifest, bundle.manifest.build
    return {
        manifest.name: manifest.version,
        "djbundle": build.djbundle,
        "python": build.python,
        "django": build.django,
        "sqlite": build.sqlite,
        "built": build.date,
        "commit": build.git_commit,
    }


def add_version_options(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_version(bundle: Bundle, arguments: list[str]) -> int:
    parser = CommandParser(Path(bundle.program).name, "version")
    add_version_options(parser)
    options = parser.parse_args(arguments)
    versions = versions_by_name(bundle)
    if options.json:
        print(json.dumps({"name": bundle.manifest.name, "version": versions.pop(bundle.manifest.name), **versions}))
        return 0
    width = max(map(len, versions))
    for name, value in versions.items():
        print(f"{name:<{width}}  {value or '-'}")
    return 0
