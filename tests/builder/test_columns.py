"""Bytecode without columns has the same lines, and nothing else of it changes."""

import dis
import json
import marshal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.contents.columns import without_columns
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import Tree

# Its entries have all forms: on one line and on several, forward and back, far away, and on no line at all.
ODD = f"""
def odd(names):
    total = [
        name.upper()
        for name in names if isinstance(name, str)
    ] + [{", ".join(f"names[{number}]" for number in range(3))}]
    {"'" * 3}{chr(10) * 300}{"'" * 3}
    try:
        with open(names) as file, file:
            return {"x" * 200} + names(
                lambda: (yield)
            )
    except (ValueError, TypeError) as error: raise KeyError from error
    finally: total; total; names

async def waits(each):
    async for one in each: await one
    match each:
        case [1, *rest]: return rest
"""
WRITE = """
import json, sys
from pathlib import Path
from djbundle.builder.contents.bytecode import Source, _compile
print(_compile(Source(Path(json.__file__).with_name("decoder.py"), "json/decoder.py", takes_ready=False)).hex())
"""


def codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from codes_in(each)


@pytest.mark.parametrize("text", [ODD, Path(json.__file__).read_text(), Path(dis.__file__).read_text(), ""])
def test_lines_are_the_same(text: str) -> None:
    code = compile(text, "odd.py", "exec")
    pairs = zip(codes_in(code), codes_in(without_columns(code)), strict=True)
    for old, new in pairs:
        assert [line for line, *_ in new.co_positions()] == [line for line, *_ in old.co_positions()]
        assert [*new.co_lines()] == [*old.co_lines()]
        assert {column for _, _, *columns in new.co_positions() for column in columns} <= {None}
        assert len(new.co_linetable) < len(old.co_linetable)
        assert new.co_code == old.co_code
        assert new.co_exceptiontable == old.co_exceptiontable


def test_traceback_has_the_line() -> None:
    code = without_columns(compile("\n\nfail = (\n  1 +\n  None)\n", "gone.py", "exec"))
    with pytest.raises(TypeError) as caught:
        exec(code, {})
    lines = traceback.format_exception(caught.value)
    assert any(line.startswith('  File "gone.py", line 4') for line in lines)


@pytest.mark.parametrize("keeps_columns", [True, False])
def test_only_a_source_in_the_bundle_keeps_them(tmp_path: Path, keeps_columns: bool) -> None:
    source = tmp_path / "shop.py"
    source.write_text(ODD)
    tree = Tree(tmp_path)
    add_bytecode(tree, [Source(source, "shop.py", keeps_columns=keeps_columns)], Cache(tmp_path / "cache"), "packages")
    code = marshal.loads(tree["shop.pyc"].source.read_bytes()[16:])
    assert any(column for each in codes_in(code) for _, _, column, _ in each.co_positions()) == keeps_columns


def test_each_process_writes_the_same() -> None:
    """Whatever else it has loaded: the texts of other modules are not in the bytecode."""
    loads = "import decimal, email.message, http.client, json.decoder, unittest.mock\n"
    written = [
        subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout
        for text in (WRITE, f"{loads}{WRITE}")
    ]
    assert written[0] == written[1]
