"""``djbundle why NAME``: explain why a distribution would be in the bundle."""

from packaging.utils import canonicalize_name

from djbundle.builder.dependencies.package_selection import find_dependencies
from djbundle.builder.options import BuildOptions
from djbundle.errors import NotInTheBundleError

NEEDED_BY = "needed by "


def explain(options: BuildOptions, name: str) -> list[str]:
    """Return a line for each distribution on the way from `name` up to what the project itself needs.

    Raises NotInTheBundleError.
    """
    dependencies = {each.name: each for each in find_dependencies(*options.inspect())}
    current: str = canonicalize_name(name)
    lines = []
    if current not in dependencies:
        raise NotInTheBundleError(
            f'"{name}" would not be in the bundle: nothing imports or names it',
            f'if the site needs it, add it to pyproject.toml:  [tool.djbundle] include = ["{name}"]',
        )
    while current in dependencies:
        item = dependencies[current]
        lines.append(f"{item.name} {item.version}: {item.reason}")
        current = canonicalize_name(item.reason.removeprefix(NEEDED_BY)) if item.reason.startswith(NEEDED_BY) else ""
    return lines
