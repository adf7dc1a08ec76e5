import inspect
import sys
import traceback


def _caller():
    return sorted(sys._getframe(1).f_locals)


def frame_locals_caller():
    b = 2
    return _caller()


def match_():
    class P:
        __match_args__ = ("x", "y")

        def __init__(s, x, y):
            s.x = x
            s.y = y

    out = []
    for v in (P(1, 2), [1, 2, 3], {"a": 1, "b": 2}, "s", None, (1,), 5):
        match v:
            case P(1, y):
                out.append(("P", y))
            case [1, *rest]:
                out.append(("L", rest))
            case {"a": 1, **kw}:
                out.append(("D", kw))
            case str() as s if s:
                out.append(s)
            case None:
                out.append("N")
            case int(n) | float(n):
                out.append(n)
            case _:
                out.append("_")
    return out


def global_stmt():
    global _gg
    _gg = 5
    return globals()["_gg"]


def chained():
    return 1 < 2 < 3, 1 < 3 < 2


def string_concat_ids():
    return f"ab{1!r:>3}{'x'=}"


def fstring_nested():
    w = 5
    return f"{3.14159:{w}.{2}f}|{'a':>{w}}|{1=}|{f'{w}'}"


def big_const():
    return 2**100, -(2**63), 1e308 * 10, float("nan") != float("nan")


def set_order():
    return sorted({3, 1, 2})


def dict_iter_change():
    d = {1: 1}
    try:
        for k in d:
            d[2] = 2
    except RuntimeError as e:
        return str(e)


def list_mutation():
    l = [1, 2, 3]
    for x in l:
        if x == 1:
            l.remove(2)
    return l


def exit_order():
    l = []

    class C:
        def __init__(s, n):
            s.n = n

        def __enter__(s):
            return s

        def __exit__(s, *a):
            l.append((s.n, a[0] and a[0].__name__))
            return s.n == 1

    with C(1), C(2):
        1 / 0
    return l


def eval_order():
    l = []

    def t(x):
        l.append(x)
        return x

    t(1) + t(2) * t(3)
    {t(4): t(5)}
    d = {}
    d[t(7)] = t(6)
    return l


def inplace_tuple():
    t = ([],)
    try:
        t[0] += [1]
    except TypeError:
        return t


def comp_scope_leak():
    x = 9
    [x for x in range(2)]
    return x


def iter_sentinel():
    return list(iter(iter([1, 2, 0, 3]).__next__, 0))


def markcoroutine():
    def f():
        pass

    inspect.markcoroutinefunction(f)
    return inspect.iscoroutinefunction(f)


def frame_clear():
    try:
        1 / 0
    except Exception as e:
        traceback.clear_frames(e.__traceback__)
        return True


def genexp_locals():
    return sum(x for x in range(3))
