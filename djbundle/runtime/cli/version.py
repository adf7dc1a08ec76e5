"""``./shop version``: the versions in the bundle and the commit it was built from."""

import json

from djbundle.runtime.core.bundle import Bundle


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


def run_version(bundle: Bundle, arguments: list[str]) -> int:
    return print_version(bundle, as_json="--json" in arguments)


def print_version(bundle: Bundle, *, as_json: bool) -> int:
    versions = versions_by_name(bundle)
    if as_json:
        print(json.dumps({"name": bundle.manifest.name, "version": versions.pop(bundle.manifest.name), **versions}))
        return 0
    width = max(map(len, versions))
    for name, value in versions.items():
        print(f"{name:<{width}}  {value or '-'}")
    return 0
