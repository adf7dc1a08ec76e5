"""The module ``readline`` of bundles without the real one, which is under the GPL: Python's own line editor.

Python 3.13 brings it; before that ``import readline`` fails. From its import on, ``input`` edits the lines that it
reads from a terminal. This file stands at the top of a bundle as ``readline.py``.
"""

import contextlib
import sys

sys.modules[__name__] = None  # type: ignore[assignment]  # the editor imports rlcompleter, which must not get half of it
from _pyrepl import readline as editor  # type: ignore[import-not-found]  # noqa: E402 - as the line above says

editor.backend = "readline"  # as the real one says, where it is not libedit
with contextlib.suppress(
    AttributeError, TypeError
):  # what another version of Python names otherwise only edits no lines
    editor._setup({})
sys.modules[__name__] = editor
