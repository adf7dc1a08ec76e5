"""The page of keys and variables. The meaning of each is the comment after it in the code."""

import re
from collections.abc import Iterator
from dataclasses import Field, fields
from inspect import getsource
from pathlib import Path
from typing import Any

import djbundle
from ci.pages.markdown import code, prose, table
from djbundle.builder.project.configuration import TABLE, Configuration
from djbundle.tasks import options, task

PACKAGE = Path(djbundle.__file__).parent
FIELD = re.compile(r"^    (\w+): .*?  # (.*)$", re.MULTILINE)
OPTION = re.compile(r'^    "(\w+)",  # (.*)$', re.MULTILINE)
VARIABLE = re.compile(r'"(DJBUNDLE_[A-Z_]+)=?"')
READ = re.compile(  # the line that names a variable, or reads it, with its comment
    r'^(?:[A-Z_]+ = |.*\benviron\.get\()"(DJBUNDLE_[A-Z_]+)".*?  # (.*)$',
    re.MULTILINE,
)
OF_A_SETTING = "the setting with "  # begins the comment of a name that is not a variable
SET_BY_DJBUNDLE = "set by "  # begins the comment of a variable that users do not set


def page() -> Iterator[str]:
    yield "# Keys and variables\n"
    yield "[Settings and data](../settings.md) tells which settings of a project a bundle changes.\n"
    yield f"## Keys of `[{TABLE}]`\n"
    yield "They stand in the project's `pyproject.toml`. An option of `djbundle build` takes precedence over its key.\n"
    meanings = dict(FIELD.findall(getsource(Configuration)))
    rows = ([code(each.name), *kind_of(each), prose(meanings[each.name])] for each in fields(Configuration))
    yield from table(["key", "value", "default", "meaning"], rows)
    yield from environment()
    yield "## Options of `TASKS`\n"
    yield "They stand in `OPTIONS` of a backend: see [tasks](../tasks.md#rules).\n"
    meanings = dict(OPTION.findall(getsource(options)))
    rows = ([code(name), default_of(name), prose(meanings[name])] for name in options.NAMES)
    yield from table(["option", "default", "meaning"], rows)


def kind_of(key: "Field[Any]") -> tuple[str, str]:
    """Return the kind of value that the key has, and its default."""
    if key.default_factory is list:
        return "a list of texts", "none"
    if isinstance(key.default, bool):
        return "true or false", str(key.default).lower()
    return "a text", "none"


def default_of(name: str) -> str:
    """Return the default of an option: a constant of its name, or what ``option(NAME, default)`` says."""
    for module in (options, task):
        if hasattr(module, name):
            return f"{getattr(module, name):g}"
    source = "".join(path.read_text() for path in (PACKAGE / "tasks").rglob("*.py"))
    match = re.search(rf'\boption\("{name}", (True|False)\)', source)
    return code(match[1]) if match else "none"


def environment() -> Iterator[str]:
    """Yield the variables that users set, then those that djbundle sets for its own processes."""
    sources = [path.read_text() for end in ("py", "c", "h") for path in sorted(PACKAGE.rglob(f"*.{end}"))]
    meanings = {name: meaning for source in sources for name, meaning in READ.findall(source)}
    if unexplained := {name for source in sources for name in VARIABLE.findall(source)} - meanings.keys():
        raise SystemExit(f"no comment explains these variables where they are named: {sorted(unexplained)}")
    variables = sorted(each for each in meanings.items() if not each[1].startswith(OF_A_SETTING))
    own = [each for each in variables if each[1].startswith(SET_BY_DJBUNDLE)]
    yield "## Variables of the environment\n"
    yield from table(
        ["variable", "meaning"], ([code(name), prose(text)] for name, text in variables if (name, text) not in own)
    )
    yield "djbundle sets these for its own processes. Do not set them.\n"
    yield from table(["variable", "meaning"], ([code(name), prose(text)] for name, text in own))
