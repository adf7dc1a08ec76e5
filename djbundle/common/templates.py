"""Fills in the files that djbundle writes for its users. They stand in ``templates/`` at the top of the repository."""

from importlib.resources import files
from pathlib import Path
from string import Template


def folder() -> Path:
    """Return the folder of the templates: inside the package in wheels and bundles, beside it in the repository."""
    package = Path(str(files("djbundle")))
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


def render(template: str, /, **values: object) -> str:
    """Return the text of a template. Each ``$name`` in it must be among `values`; ``$$`` stands for a dollar sign."""
    return Template((folder() / template).read_text()).substitute(values)
