"""Let compiled functions and methods bear the names of Python's own types, in their text and in `type(x).__name__`.

Logs, error mails and tests show these names. Nuitka has no need of its own ones: it compares types, and no names.
"""

import re

PREFIX = re.compile(r'(?<=["< ])compiled_(?=(?:function|method|cell)\b[^"\n]*")')


def as_python_names(text: str) -> str:
    """Return the text of a C file of Nuitka's with these names in its strings."""
    return PREFIX.sub("", text)
