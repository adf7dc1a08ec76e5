"""The page of exit codes: from djbundle/errors, and from the contract with the launcher."""

import re
from collections.abc import Iterator
from pathlib import Path

from ci.pages.markdown import code, prose, table
from djbundle import errors

PACKAGE = Path(errors.__file__).parents[1]
SECTIONS = {
    "The build": range(10, 40),
    "A running bundle": (*range(40, 60), *range(70, 80)),
    "The launcher": range(60, 70),
}
IN_THE_INTRODUCTION = {0, 1, 2}
CONSTANT = re.compile(r"^([A-Z_]+) = (\d+)  # (.*)$", re.MULTILINE)

Code = tuple[int, str, str]  # number, name, meaning


def page() -> Iterator[str]:
    yield "# Exit codes\n"
    yield "`0` is success. `2` means wrong options. `1` is an error that djbundle did not expect, or one of Django: for"
    yield "example, a failed check. Each other cause has its own code, so a script need not read the message.\n"
    launcher = list(constants_in("contract/exit_codes.py"))
    numbers = {number for number, _, _ in launcher}
    of_python = [each for each in (*error_classes(), *constants_in("errors/build.py")) if each[0] not in numbers]
    codes = sorted([*of_python, *launcher])
    placed = {number for section in SECTIONS.values() for number in section} | IN_THE_INTRODUCTION
    if homeless := [name for number, name, _ in codes if number not in placed]:
        raise SystemExit(f"no section of the page has the exit code of {', '.join(homeless)}")
    for title, section in SECTIONS.items():
        yield f"## {title}\n"
        rows = ([code(str(number)), code(name), prose(text)] for number, name, text in codes if number in section)
        yield from table(["code", "name", "when"], rows)


def error_classes() -> Iterator[Code]:
    for each in errors.DjbundleError.__subclasses__():
        if not each.__doc__:
            raise SystemExit(f"{each.__name__} has no docstring that says when it is raised")
        yield each.exit_code, each.__name__, each.__doc__


def constants_in(file: str) -> Iterator[Code]:
    for name, number, text in CONSTANT.findall((PACKAGE / file).read_text()):
        yield int(number), name, text
