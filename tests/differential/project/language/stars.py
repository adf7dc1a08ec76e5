"""Imports with a star, which functions can only do by exec."""

import types


def star_import():
    space = types.ModuleType("space")
    exec("from language.parts.star import *", space.__dict__)
    other = {}
    exec("from language import *", other)
    return sorted(each for each in vars(space) if not each.startswith("__")), other["late"]


def exec_of_own_source():
    space = {"__name__": "made"}
    exec("class C:\n  def f(self): return __name__, self.f.__qualname__\n", space)
    return space["C"]().f(), space["C"].__module__


def compiled_text_in_traceback():
    import traceback

    try:
        exec(compile("\n\n1 / 0", "nowhere.py", "exec"))
    except ZeroDivisionError as error:
        return [(each.filename[-10:], each.lineno, each.line) for each in traceback.extract_tb(error.__traceback__)][1:]
