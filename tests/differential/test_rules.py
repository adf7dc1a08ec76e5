"""Each rule of bytecode_rules.py is still needed: its smallest module, compiled, does something else than in Python."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from djbundle.builder.dependencies.bytecode_rules import RULES, reasons_of
from djbundle.builder.native.nuitka import PLUGIN

FOLDER = Path(__file__).with_name("rules")
ASK = """\
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
if sys.argv[2]:
    importlib.import_module(sys.argv[2])
answers = {}
for name in sys.argv[3:]:
    module = importlib.import_module(f"rules.{name}")
    try:
        answers[name] = repr(module.answer())
    except Exception as error:
        answers[name] = repr(error)
print(json.dumps(answers))
"""
NAMES = [rule.name.replace("-", "_") for rule in RULES]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile all of them, and return the folder with the extension module."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "_rules.py").touch()
    options = ("--mode=module", "--remove-output", "--no-pyi-file", "--no-progressbar", "--assume-yes-for-downloads")
    command = [
        sys.executable,
        "-m",
        "nuitka",
        *options,
        f"--user-plugin={PLUGIN}",
        "--include-package=rules",
        "_rules.py",
    ]
    environment = os.environ | {"PYTHONPATH": str(FOLDER.parent), "CFLAGS": "-O0"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def answers_of(path: Path, extension: str = "") -> dict[str, str]:
    command = [sys.executable, "-W", "ignore", "-c", ASK, str(path), extension, *NAMES]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    answers: dict[str, str] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_finds_its_module(rule: object) -> None:
    name = getattr(rule, "name", "")
    source = (FOLDER / f"{name.replace('-', '_')}.py").read_text()
    assert name in {reason.rule for reason in reasons_of(ast.parse(source))}


def test_compiled_code_differs_where_a_rule_says_so(compiled: Path) -> None:
    python, other = answers_of(FOLDER.parent), answers_of(compiled, "_rules")
    assert {name for name in NAMES if python[name] == other[name]} == set(), "these rules can go"
