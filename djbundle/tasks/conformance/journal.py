"""The journal of a promise: a folder where tasks write down what they do, whatever the backend tells of them."""

import json
import os
from pathlib import Path
from typing import Any

LINES, GO = "lines", "go"


def write(folder: str, entry: Any) -> None:
    """Add a line with this JSON value, unless the folder is gone because its promise is over."""
    try:
        file = os.open(Path(folder, LINES), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    except FileNotFoundError:
        return
    os.write(file, f"{json.dumps(entry)}\n".encode())
    os.close(file)


def read(folder: str) -> list[Any]:
    """Return the lines so far."""
    path = Path(folder, LINES)
    text = path.read_text() if path.exists() else ""
    *lines, _unfinished = text.split("\n")
    return [json.loads(line) for line in lines]


def is_waiting(folder: str) -> bool:
    """Return whether tasks that wait shall go on waiting."""
    return Path(folder).exists() and not Path(folder, GO).exists()
