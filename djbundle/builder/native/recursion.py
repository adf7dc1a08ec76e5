"""Write checks of the recursion depth into the C that Nuitka generates; compiled/recursion.h explains them."""

import re
import shutil
from pathlib import Path

from djbundle.builder.native.type_names import as_python_names

OWN = Path(__file__).parents[2] / "compiled"
FOLDER = "djbundle"  # subfolder of the generated C, for changed copies of Nuitka's own C files
PRELUDE = '#include "nuitka/prelude.h"\n'
INCLUDE = f'{PRELUDE}#include "recursion.h"\n'
GENERATORS = '#include "CompiledGeneratorType.c"\n'
NAMED = "CompiledMethodType.c", "CompiledCellType.c"  # files that are changed for their names of types alone
ENCODING = "latin-1"  # keeps every byte

FUNCTION = re.compile(
    r"^static PyObject \*impl_\S+\(PyThreadState \*tstate, struct Nuitka_FunctionObject const \*self,"
    r" PyObject \*\*python_pars\) \{\n",
    re.MULTILINE,
)
# A function owns its arguments.
CALL_CHECK = """\
    DJBUNDLE_LEAVE_ON_RETURN;
    if (djbundle_enter_recursive_call(tstate, true)) {
        for (Py_ssize_t i = 0; i < self->m_args_overall_count; i++)
            Py_XDECREF(python_pars[i]);
        return NULL;
    }
"""
# If the check fails, the generator stays suspended. `value` is NULL when an exception is thrown into the generator.
SEND_CHECK = """\
    DJBUNDLE_LEAVE_ON_RETURN;
    if (djbundle_enter_recursive_call(tstate, value != NULL)) {{
        Py_XDECREF(value);
        RELEASE_ERROR_OCCURRED_STATE_X(exception_state);
        return {failure};
    }}
"""
THROW_CHECK = """\
    DJBUNDLE_LEAVE_ON_RETURN;
    if (djbundle_enter_recursive_call(tstate, false)) {
        RELEASE_ERROR_OCCURRED_STATE(exception_state);
        return NULL;
    }
"""
# Functions in Nuitka's own C that recurse through a chain of generators or coroutines, by file.
ENTRY = "CompiledFunctionType.c"  # includes the others
CHECKS = {
    "CompiledGeneratorType.c": {
        "_Nuitka_Generator_send": SEND_CHECK.format(failure="NULL"),
        "_Nuitka_Generator_throw2": THROW_CHECK,
    },
    "CompiledCoroutineType.c": {
        "_Nuitka_Coroutine_sendR": SEND_CHECK.format(failure="PYGEN_ERROR"),
        "_Nuitka_Coroutine_throw2": THROW_CHECK,
    },
    "CompiledAsyncgenType.c": {
        "_Nuitka_Asyncgen_sendR": SEND_CHECK.format(failure="PYGEN_ERROR"),
        "_Nuitka_Asyncgen_throw2": THROW_CHECK,
    },
    "CompiledGeneratorTypeUncompiledIntegration.c": {"Nuitka_UncompiledGenerator_throw": THROW_CHECK},
}


class UnknownCodeError(Exception):
    """Nuitka's C differs from what this file expects."""


def sources() -> list[Path]:
    """Return djbundle's own C files that are compiled into a project."""
    return sorted(OWN.iterdir())


def check_recursion(generated: Path, static: Path) -> None:
    """Rewrite the C in the folder `generated` before it is compiled; `static` has the C that Nuitka always adds."""
    for path in sources():
        shutil.copy(path, generated)
    for path in generated.glob("module.*.c"):
        path.write_text(check_calls(path.read_text(ENCODING)), ENCODING)
    (generated / FOLDER).mkdir(exist_ok=True)
    for name, checks in CHECKS.items():
        text = (static / name).read_text(ENCODING)
        (generated / FOLDER / name).write_text(check_functions(text, checks), ENCODING)
    for name in NAMED:
        text = (static / name).read_text(ENCODING)
        (generated / FOLDER / name).write_text(as_python_names(text), ENCODING)
    entry = generated / "static_src" / ENTRY
    text = entry.read_text(ENCODING)
    entry.unlink()  # it may be a link to Nuitka's own file
    entry.write_text(include_changed(as_python_names(text)), ENCODING)


def check_calls(text: str) -> str:
    """Return the C of a module with a check at the start of each function."""
    checked, count = FUNCTION.subn(lambda match: match[0] + CALL_CHECK, text)
    if count != len(re.findall(r"^static PyObject \*impl_.*\{$", text, re.MULTILINE)):
        raise UnknownCodeError("a function with other parameters")
    return _replace(checked, PRELUDE, INCLUDE)


def check_functions(text: str, checks: dict[str, str]) -> str:
    """Return `text`, Nuitka's own C, with `checks` at the start of functions; `checks` are keyed by function name."""
    for name, check in checks.items():
        start = re.compile(rf"^static [^;{{}}()]*\b{name}\([^;{{}}]*\) \{{\n", re.MULTILINE)
        text, count = start.subn(lambda match, check=check: match[0] + check, text)  # type: ignore[misc]
        if not count:
            raise UnknownCodeError(f"no function {name}")
    return text


def include_changed(text: str) -> str:
    """Return Nuitka's entry file, changed to include the changed files."""
    text = _replace(text, PRELUDE, INCLUDE)
    for include in (GENERATORS, *(f'#include "{name}"\n' for name in NAMED)):
        text = _replace(text, include, include.replace('"', f'"{FOLDER}/', 1))
    return text


def _replace(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise UnknownCodeError(f"not one {old.strip()}")
    return text.replace(old, new)
