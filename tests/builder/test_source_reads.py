"""A bundle has as files the sources that code reads or lists, and not those that it only imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOOK = """
import json, sys
from djbundle.builder.inspection import source_reads
sys.path.insert(0, sys.argv[1])
sys.addaudithook(source_reads.record_event)
import plugins
print(json.dumps(source_reads.sources()))
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from pathlib import Path; names = [*Path(__file__).parent.glob('*.py')]", {"__init__.py", "one.py"}),
        ("import os; os.listdir(os.path.dirname(__file__))", {"__init__.py", "one.py"}),
        ("exec(open(__file__.replace('__init__', 'one')).read())", {"one.py"}),
        ("from plugins import one", set()),
        ("import pkgutil; names = [*pkgutil.iter_modules(__path__)]", set()),
        ("import os; names = [*os.walk(os.path.dirname(__file__))]", set()),
        ("from importlib.metadata import distributions; names = [*distributions(path=__path__)]", set()),
        ("import inspect; inspect.stack()", set()),
        ("import inspect, sys; inspect.getsource(sys.modules[__name__])", {"__init__.py"}),
        ("import inspect; from plugins import one; inspect.getsourcelines(one.answer)", {"one.py"}),
        ("import warnings; warnings.warn('shown with its line')", set()),
    ],
)
def test_sources(tmp_path: Path, code: str, expected: set[str]) -> None:
    package = tmp_path / "plugins"
    package.mkdir()
    (package / "__init__.py").write_text(f"{code}\n")
    (package / "one.py").write_text("def answer():\n    return 1\n")
    command = [sys.executable, "-c", LOOK, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert {str(Path(each).relative_to(package)) for each in json.loads(result.stdout)} == expected
