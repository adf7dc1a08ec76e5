"""The recorded runs: how each promise ended on each engine."""

import json
from pathlib import Path

from djbundle.tasks.conformance.promise import Outcome

RECORDED = Path(__file__).with_name("recorded.json")

Runs = dict[str, list[Outcome]]  # by the name of the engine


def parse(text: str) -> list[Outcome]:
    """Return the outcomes that the program has printed as JSON."""
    return [Outcome(**each) for each in json.loads(text)]


def load() -> Runs:
    """Return the recorded runs."""
    runs = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    return {name: [Outcome(**each) for each in outcomes] for name, outcomes in runs.items()}


def save(runs: Runs) -> None:
    """Record the runs, a promise in a line."""
    texts = []
    for name, outcomes in runs.items():
        lines = ",\n".join(json.dumps({key: getattr(each, key) for key in Outcome.__slots__}) for each in outcomes)
        texts.append(f"{json.dumps(name)}: [\n{lines}\n]")
    RECORDED.write_text("{\n" + ",\n".join(texts) + "\n}\n")
