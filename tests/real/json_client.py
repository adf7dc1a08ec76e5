"""Sends JSON requests, and reads JSON responses."""

import json
import urllib.request
from typing import Any


def ask(url: str, payload: Any = None, **headers: str) -> Any:
    """POST `given`, or GET if it is None, and return the response's JSON."""
    content = None if payload is None else json.dumps(payload).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())
