"""Prometheus' text format.

See https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


@dataclass(frozen=True, slots=True)
class Sample:
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""  # "_bucket" for a histogram


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: all samples of one name."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: list[Sample]


def exposition(families: Iterable[Family]) -> str:
    """Return the families in Prometheus' text format, without those that have no sample."""
    lines: list[str] = []
    for family in families:
        if family.samples:
            lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
            lines += [f"{family.name}{each.suffix}{_labels(each.labels)} {_value(each)}" for each in family.samples]
    return "\n".join(lines) + "\n"


def _value(sample: Sample) -> str:
    return "+Inf" if sample.value == math.inf else f"{sample.value:.10g}"


def _labels(labels: Mapping[str, str]) -> str:
    text = ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels.items())
    return f"{{{text}}}" if text else ""
