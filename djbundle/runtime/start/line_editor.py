"""The module ``readline`` of bundles without the real one, which is under the GPL: Python's own line editor.

Python 3.13 brings it; before that ``import readline`` fails. From its import on, ``input`` edits the lines that it
reads from a terminal. This file stands at the top of a bundle as ``readline.py``.
"""

import sys

sys.modules[__name__] = None  # type: ignore[assignment]  # the editor imports rlcompleter, which must not get half of it
from _pyrepl import readline as editor  # type: ignore[import-not-found]  # noqa: E402 - as the line above says

if not hasattr(editor, "_setup"):  # it is being imported itself, by its own name, or Python has changed it
    raise ImportError("there is no line editor yet", name=__name__)
editor.backend = "readline"  # as the real one says, where it is not libedit
editor._setup({})
sys.modules[__name__] = editor
