import abc
import os
import sys
import traceback
import types
import warnings


def code_names():
    def f(a, b, *, c):
        return a

    return list(f.__code__.co_varnames[:3]), f.__code__.co_argcount, f.__code__.co_kwonlyargcount


def code_replace():
    def f():
        return 1

    return types.FunctionType(f.__code__, {})()


def code_assign():
    def f():
        return 1

    def g():
        return 2

    f.__code__ = g.__code__
    return f()


def code_consts():
    def f():
        return "abc"

    return "abc" in f.__code__.co_consts


def code_co_code():
    def f():
        return 1

    return len(f.__code__.co_code) > 0


def code_names2():
    def f():
        return os.path

    return list(f.__code__.co_names)


def closure_freevars():
    x = 1

    def f():
        return x

    return f.__code__.co_freevars


def setprofile():
    seen = []

    def f():
        pass

    sys.setprofile(lambda fr, ev, arg: seen.append((ev, fr.f_code.co_name)))
    f()
    sys.setprofile(None)
    return ("call", "f") in seen


def settrace():
    seen = []

    def f():
        pass

    def tr(fr, ev, arg):
        seen.append(fr.f_code.co_name)
        return None

    sys.settrace(tr)
    f()
    sys.settrace(None)
    return "f" in seen


def function_new():
    def f(a=1):
        return a

    return types.FunctionType(f.__code__, globals(), "x", (5,))()


def tb_lines():
    def f():
        raise ValueError("x")

    try:
        f()
    except ValueError as e:
        return [
            (x.name, x.lineno - tb_lines.__code__.co_firstlineno, x.line) for x in traceback.extract_tb(e.__traceback__)
        ]


def warn_stack():
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        warnings.warn("x")
        return w[0].filename.endswith("code_objects.py"), w[0].lineno - warn_stack.__code__.co_firstlineno


def warn_stack2():
    def f():
        warnings.warn("x", stacklevel=2)

    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        f()
        return w[0].lineno - warn_stack2.__code__.co_firstlineno


def logging_caller():
    import logging

    l = []

    class H(logging.Handler):
        def emit(s, r):
            l.append((r.funcName, os.path.basename(r.pathname), r.lineno - logging_caller.__code__.co_firstlineno))

    g = logging.getLogger("qq")
    g.propagate = False
    g.addHandler(H())
    g.warning("x")
    return l


def code_lines():
    return len(list(code_lines.__code__.co_lines())) > 0


def code_hash_eq():
    return code_hash_eq.__code__ == code_hash_eq.__code__


def code_filename():
    return os.path.basename(code_filename.__code__.co_filename)
