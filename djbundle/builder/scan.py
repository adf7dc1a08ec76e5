"""Find code in the project's sources that works with ``manage.py`` but would fail in a bundle.

Only problems that the line itself proves are reported. Code that may be fine is not reported.
"""

import ast
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

WRITERS = frozenset(
    {"write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir", "rename", "replace", "symlink_to"}
)
PROJECT_FOLDERS = frozenset({"BASE_DIR", "__file__"})  # names of which paths in the project are built
STARTERS = frozenset({"run", "call", "check_call", "check_output", "Popen", "system", "popen", "getoutput"})
DEVELOPMENT_APPS = frozenset({"debug_toolbar", "django_browser_reload", "django_extensions", "silk", "nplusone"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the project, what is wrong with it, and what to write instead."""

    place: str  # "shop/views.py:12"
    cause: str
    fix: str


def scan(
    root: Path, sources: Iterator[Path], settings: Collection[Path] = (), *, has_sources: bool = True
) -> list[Finding]:
    """Return the findings in `sources`, which are relative to `root` and valid Python.

    The files in `settings` may write into the project; see runtime/settings/import_redirect.py. Unless the bundle
    `has_sources`, nothing may read them.
    """
    findings: list[Finding] = []
    unneeded = (starts_manage_py, reads_sources) if has_sources else (starts_manage_py_elsewhere,)
    for path in sources:
        left_out = {*unneeded, *([writes_into_the_project] if path in settings else [])}
        rules = [rule for rule in RULES if rule not in left_out]
        for node in nodes_of(root / path):
            if isinstance(node, ast.Call):
                findings += [
                    Finding(f"{path}:{node.lineno}", cause, fix) for rule in rules for cause, fix in rule(node)
                ]
    return findings


def nodes_of(source: Path) -> Iterable[ast.AST]:
    """Return the nodes of a source; none if it is not Python of this version."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd escapes in strings
            return ast.walk(ast.parse(source.read_bytes()))
    except (SyntaxError, ValueError):
        return ()


Rule = Callable[[ast.Call], Iterator[tuple[str, str]]]


def writes_into_the_project(call: ast.Call) -> Iterator[tuple[str, str]]:
    """Report writes into the project, because a bundle is read-only.

    Examples are ``open(BASE_DIR / "x", "w")`` and ``(BASE_DIR / "x").write_text()``.
    """
    target = written_path(call)
    if target is not None and not names_in(target).isdisjoint(PROJECT_FOLDERS):
        yield (
            "writes a file of the project, which is read-only in a bundle",
            "write below MEDIA_ROOT or another setting that the bundle moves to its data directory",
        )


def starts_manage_py(call: ast.Call) -> Iterator[tuple[str, str]]:
    if name_of(call) in STARTERS and any("manage.py" in text for text in _texts(call)):
        yield "starts manage.py, which is not in a bundle", "use  django.core.management.call_command()"


def starts_manage_py_elsewhere(call: ast.Call) -> Iterator[tuple[str, str]]:
    """Report ``python manage.py``. With ``sys.executable`` it works, since the bundle is that Python."""
    texts = [*_texts(call)]
    if name_of(call) in STARTERS and "manage.py" in " ".join(texts) and "python" in " ".join(texts):
        yield "starts manage.py with a Python of the machine", "write sys.executable, or use  call_command()"


def reads_sources(call: ast.Call) -> Iterator[tuple[str, str]]:
    if name_of(call) in ("getsource", "getsourcelines") and isinstance(call.func, ast.Attribute):
        yield "reads source code, which protect = true leaves out", "do without it, or leave out protect"


RULES: tuple[Rule, ...] = (writes_into_the_project, starts_manage_py, starts_manage_py_elsewhere, reads_sources)


def written_path(call: ast.Call) -> ast.expr | None:
    """Return the path to which a call writes; None if it writes to none."""
    name, own = name_of(call), call.func.value if isinstance(call.func, ast.Attribute) else None
    if name == "open":
        writes = any(isinstance(mode.value, str) and set(mode.value) & set("wax+") for mode in _modes(call))
        return (own or next(iter(call.args), None)) if writes else None
    if name == "replace" and (len(call.args), call.keywords) != (1, []):  # of a text, and not of a path
        return None
    return own if name in WRITERS else None


def name_of(call: ast.Call) -> str:
    """Return the name of the function or method that is called."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _modes(call: ast.Call) -> list[ast.Constant]:
    """Return the arguments that may be the mode of an opened file."""
    first = 0 if isinstance(call.func, ast.Attribute) else 1
    arguments = [*call.args[first : first + 1], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return [each for each in arguments if isinstance(each, ast.Constant)]


def _texts(call: ast.Call) -> Iterator[str]:
    for node in ast.walk(call):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def names_in(node: ast.expr) -> set[str]:
    """Return the names and attributes of which an expression is built."""
    return {
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Name | ast.Attribute)
    }
