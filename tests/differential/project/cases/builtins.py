import importlib
import os
import sys
import threading
import types
import typing


class PickleMe:
    def __init__(self, x):
        self.x = x

    def m(self):
        return self.x


def importlib_metadata():
    return importlib.metadata.version("django")[:1] >= "0"


def importlib_util():
    return importlib.util.find_spec("json").name


def importlib_resources():
    return importlib.resources.files("json").name


def int_str_limit():
    try:
        str(10**5000)
    except ValueError as e:
        return str(e)[:30]


def get_type_hints():
    def f(a: "int", b: "list[PickleMe]") -> None:
        pass

    return str(typing.get_type_hints(f))


def typing_overload():
    @typing.overload
    def f(x: int) -> int: ...
    @typing.overload
    def f(x: str) -> str: ...
    def f(x):
        return x

    return len(typing.get_overloads(f))


def module_file():
    return os.path.basename(__file__), __name__, __package__, __spec__.name, type(__loader__).__name__ != ""


def spec_loader():
    l = __spec__.loader
    return hasattr(l, "get_source"), hasattr(l, "get_code"), hasattr(l, "is_package")


def annotations_future():
    return str(annotations_future.__annotations__)


def debug_():
    return __debug__


def thread_local():
    r = []
    t = threading.Thread(target=lambda: r.append(threading.current_thread().name != "MainThread"))
    t.start()
    t.join()
    return r


def builtins_shadow():
    len = lambda x: 7
    return len("a")


def monkey_global():
    global _h
    _h = lambda: 1

    def f():
        return _h()

    r = f()
    globals()["_h"] = lambda: 2
    return r, f()


def monkey_builtin():
    import builtins

    def f():
        return len([1])

    old = builtins.len
    builtins.len = lambda x: 99
    try:
        return f()
    finally:
        builtins.len = old


def monkey_print():
    import builtins

    l = []
    old = builtins.print
    builtins.print = lambda *a: l.append(a)
    try:
        print("x")
    finally:
        builtins.print = old
    return l


def monkey_open():
    import builtins

    old = builtins.open
    builtins.open = lambda *a: "opened"
    try:
        return open("x")
    finally:
        builtins.open = old


def monkey_import():
    import builtins

    l = []
    old = builtins.__import__

    def imp(n, *a, **k):
        l.append(n)
        return old(n, *a, **k)

    builtins.__import__ = imp
    try:
        import json
    finally:
        builtins.__import__ = old
    return "json" in l


def sys_modules_swap():
    m = types.ModuleType("fakemod")
    m.x = 1
    sys.modules["fakemod"] = m
    import fakemod

    return fakemod.x


def dunder_all():
    return "PickleMe" in dir(sys.modules[__name__])


def int_cache():
    a = 257
    b = 257
    return a == b


def sizeof():
    return sys.getsizeof(sizeof) > 0


def contextvars_():
    import contextvars

    v = contextvars.ContextVar("v", default=0)

    def f():
        v.set(5)
        return v.get()

    return contextvars.copy_context().run(f), v.get()
