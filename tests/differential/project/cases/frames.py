import inspect
import sys


def frame_locals_own():
    a = 1
    return sorted(sys._getframe().f_locals)


def currentframe_locals():
    c = 3
    return sorted(inspect.currentframe().f_locals)


def stack_function():
    return inspect.stack()[0].function


def frame_globals_name():
    return sys._getframe().f_globals["__name__"]


def frame_lineno():
    return sys._getframe().f_lineno - frame_lineno.__code__.co_firstlineno


def frame_back_name():
    def inner():
        return sys._getframe(1).f_code.co_name

    return inner()


def frame_qualname():
    return sys._getframe().f_code.co_qualname


def tb_locals():
    def f():
        secret = 5
        raise ValueError("x")

    try:
        f()
    except ValueError as e:
        tb = e.__traceback__
        while tb.tb_next:
            tb = tb.tb_next
        return dict(tb.tb_frame.f_locals)


def getrefcount():
    a = object()
    return sys.getrefcount(a)


def tb_locals_used(n=3):
    def f(order, k=1):
        secret = [order]
        total = sum(secret) + k
        if total:
            raise ValueError(secret)
        return total

    try:
        f(n)
    except ValueError as e:
        tb = e.__traceback__
        while tb.tb_next:
            tb = tb.tb_next
        return {k: repr(v) for k, v in tb.tb_frame.f_locals.items()}


def tb_locals_inner_call():
    def g(x):
        return 1 // x

    def f(order):
        q = [order]
        return g(order) + len(q)

    try:
        f(0)
    except ZeroDivisionError as e:
        out = []
        tb = e.__traceback__
        while tb:
            out.append((tb.tb_frame.f_code.co_name, {k: repr(v)[:40] for k, v in tb.tb_frame.f_locals.items()}))
            tb = tb.tb_next
        return out


def method_locals():
    class V:
        def get(self, request, pk):
            obj = {"pk": pk}
            return obj[request]

    try:
        V().get("a", 3)
    except KeyError as e:
        tb = e.__traceback__
        while tb.tb_next:
            tb = tb.tb_next
        return sorted(tb.tb_frame.f_locals)
