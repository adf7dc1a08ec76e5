"""Recursion checks are inserted into C code. tests/attacks/test_recursion.py tests their purpose."""

from pathlib import Path

import nuitka
import pytest

from djbundle.builder.native.recursion import (
    CALL_CHECK,
    CHECKS,
    ENTRY,
    PRELUDE,
    UnknownCodeError,
    check_calls,
    check_functions,
    check_recursion,
    sources,
)

STATIC = Path(nuitka.__file__).parent / "build" / "static_src"
START = "static PyObject *impl_shop$$$function__1_total(PyThreadState *tstate, "
CREATED = f"{START}struct Nuitka_FunctionObject const *self, PyObject **python_pars) {{\n"
DIRECT = f"NUITKA_LOCAL_MODULE {START.removeprefix('static ')}PyObject **python_pars) {{\n"


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    """Create a folder as Nuitka leaves it before it calls the compiler: its own C is a link."""
    folder = tmp_path / "generated"
    (folder / "static_src").mkdir(parents=True)
    (folder / "static_src" / ENTRY).symlink_to(STATIC / ENTRY)
    (folder / "module.shop.c").write_text(f"{PRELUDE}\n{CREATED}return NULL;\n}}\n")
    return folder


def test_each_function_starts_with_a_check() -> None:
    text = f"{PRELUDE}{CREATED}    return NULL;\n}}\n{CREATED}    return NULL;\n}}\n"
    checked = check_calls(text)
    assert checked.count(CREATED + CALL_CHECK) == 2
    assert '#include "recursion.h"' in checked


def test_function_that_is_part_of_another_has_no_check() -> None:
    """It has no function object, so it can be called again only through the function around it."""
    assert CALL_CHECK not in check_calls(f"{PRELUDE}{DIRECT}    return NULL;\n}}\n")


def test_function_with_unknown_parameters_is_refused() -> None:
    with pytest.raises(UnknownCodeError):
        check_calls(f"{PRELUDE}{START}PyObject *other) {{\n")


def test_declaration_has_no_check() -> None:
    declaration = "static int send(int a,\n    int b);\n"
    definition = "static int send(int a,\n    int b) {\n"
    assert check_functions(declaration + definition, {"send": "CHECK;\n"}) == f"{declaration}{definition}CHECK;\n"
    with pytest.raises(UnknownCodeError):
        check_functions(declaration, {"send": "CHECK;\n"})


@pytest.mark.parametrize("name", CHECKS)
def test_installed_nuitka_is_known(name: str) -> None:
    checked = check_functions((STATIC / name).read_text(), CHECKS[name])
    assert checked.count("DJBUNDLE_LEAVE_ON_RETURN;") >= len(CHECKS[name])


def test_nuitka_itself_is_not_changed(generated: Path) -> None:
    before = {path.name: path.read_bytes() for path in STATIC.iterdir()}
    check_recursion(generated, STATIC)
    assert {path.name: path.read_bytes() for path in STATIC.iterdir()} == before
    assert 'include "djbundle/CompiledGeneratorType.c"' in (generated / "static_src" / ENTRY).read_text()
    assert all((generated / path.name).read_bytes() == path.read_bytes() for path in sources())
