"""Variables that pydantic-settings models read.

pydantic-settings reads the whole environment at once, so the models' fields show which variables they use.
"""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from djbundle.builder.inspection.watch import VariableRead, Watch


def model_readings(watch: Watch) -> Iterator[VariableRead]:
    """Yield a reading for each variable of a model that the project defines."""
    base = getattr(sys.modules.get("pydantic_settings"), "BaseSettings", None)
    for model in _subclasses(base) if base else ():
        spec = importlib.util.find_spec(model.__module__)  # the module may have failed to import and be unloaded
        file = str(spec.origin if spec else "")
        if not watch.is_own(file):
            continue
        for field, info in model.model_fields.items():
            name = _name(model, field, info)
            place = f"{watch.relative_path(file)}:{_line(file, model.__name__, field)}"
            yield VariableRead(name, place, was_set=False, is_required=info.is_required())


def _subclasses(model: Any) -> Iterator[Any]:
    for below in model.__subclasses__():
        yield below
        yield from _subclasses(below)


def _name(model: Any, field: str, info: Any) -> str:
    alias = info.validation_alias
    choices = getattr(alias, "choices", None)  # of AliasChoices
    name = choices[0] if choices else alias or f"{model.model_config.get('env_prefix', '')}{field}"
    return str(name) if model.model_config.get("case_sensitive") else str(name).upper()


def _line(file: str, model: str, field: str) -> int:
    text = Path(file).read_text(errors="replace")
    start = re.search(rf"^class {model}\b", text, re.MULTILINE)
    at = re.compile(rf"^[ \t]+{field}\s*[:=]", re.MULTILINE).search(text, start.start() if start else 0)
    return text.count("\n", 0, at.start()) + 1 if at else 1
