"""Cases of the project that have another answer in a bundle, and why. docs/projects.md has the table for users."""

CARETS = "tracebacks of compiled code have lines, and no columns"
SUGGESTIONS = "errors of compiled code do not carry the name that was looked for, so nothing is suggested"

BUILTINS = "compiled code calls some built-in functions directly, not what was put in their place"
ABSTRACT = "the message about an abstract class has other words"

KNOWN = {
    "builtins.monkey_builtin": BUILTINS,
    "classes.monkey_class_builtin": BUILTINS,
    "classes.abstract": ABSTRACT,
    "classes.abstract_msg": ABSTRACT,
    "errors.tb_positions": CARETS,
    "errors.caret": CARETS,
    "errors.name_error_suggestion": SUGGESTIONS,
    "errors.attr_error_name": SUGGESTIONS,
    "errors.kw_sugg": SUGGESTIONS,
    "functions.doc_strip": "docstrings of compiled code keep their indentation, as before Python 3.13",
}

# With --preload always: the site is loaded once, and a forked process has none of its threads.
THREADS = "the thread that was started while the site was loaded is not there"
FORKED = {
    "threads.consumer": THREADS,
    "threads.executor": THREADS,
    "threads.scheduler": THREADS,
    "threads.lock": THREADS,
    "threads.living": THREADS,
}
