"""``./shop version``: the versions in the bundle and the commit it was built from."""

import json
from typing import TYPE_CHECKING

from djbundle.runtime.core.bundle import Bundle

if TYPE_CHECKING:
    from argparse import ArgumentParser


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


def add_version_options(parser: "ArgumentParser") -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_version(bundle: Bundle, arguments: list[str]) -> int:
    versions = versions_by_name(bundle)
    if arguments and is_json_requested(bundle, arguments):
        print(json.dumps({"name": bundle.manifest.name, "version": versions.pop(bundle.manifest.name), **versions}))
        return 0
    width = max(map(len, versions))
    for name, value in versions.items():
        print(f"{name:<{width}}  {value or '-'}")
    return 0


def is_json_requested(bundle: Bundle, arguments: list[str]) -> bool:
    from djbundle.runtime.options.parser import parse_options  # noqa: PLC0415 - a tenth of the time of a plain version

    return bool(parse_options(bundle.program, "version", arguments, add_version_options).json)
