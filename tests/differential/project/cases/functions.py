import copy
import functools
import inspect
import io
import operator
import os


class PickleMe:
    def __init__(self, x):
        self.x = x

    def m(self):
        return self.x


def with_args(a, b):
    return a


def dis_():
    import dis

    s = io.StringIO()
    dis.dis(code_names2, file=s)
    return bool(s.getvalue())


def closure_cells():
    x = 1

    def f():
        return x

    return f.__closure__[0].cell_contents


def closurevars():
    x = 1

    def f():
        return x

    return dict(inspect.getclosurevars(f).nonlocals)


def function_copy():
    def f():
        return 1

    return copy.copy(f) is f, copy.deepcopy(f) is f


def function_repr():
    return repr(function_repr).split(" at ")[0]


def func_doc_sig():
    def f(a: int, /, b: str = "x", *args, c, d=1, **kw) -> bool:
        "doc"

    return (
        str(inspect.signature(f)),
        f.__doc__,
        f.__defaults__,
        f.__kwdefaults__,
        {k: v.__name__ for k, v in f.__annotations__.items()},
    )


def func_attrs():
    def f():
        pass

    f.x = 1
    return f.__dict__, f.__qualname__, f.__module__ == __name__


def defaults_assign():
    def f(a=1):
        return a

    f.__defaults__ = (7,)
    return f()


def kwdefaults_assign():
    def f(*, a=1):
        return a

    f.__kwdefaults__ = {"a": 7}
    return f()


def walrus_comp():
    r = [y := x for x in range(3)]
    return r, y


def star_expr():
    a = [*range(2), *"ab"]
    d = {**{"a": 1}, "b": 2}
    return a, d


def partial_():
    return functools.partial(operator.add, 1)(2), functools.partialmethod.__name__


def lru():
    @functools.lru_cache
    def f(n):
        return n if n < 2 else f(n - 1) + f(n - 2)

    return f(50), f.cache_info().hits, f.__wrapped__.__name__


def singledispatch():
    @functools.singledispatch
    def f(x):
        return "o"

    @f.register
    def _(x: int):
        return "i"

    return f(1), f("a")


def wraps():
    def f(a, b):
        "d"

    @functools.wraps(f)
    def g(*a):
        pass

    return g.__name__, str(inspect.signature(g)), g.__doc__


def getsource():
    try:
        return inspect.getsource(getsource).splitlines()[0]
    except Exception as e:
        return type(e).__name__


def getfile():
    return os.path.basename(inspect.getfile(getfile)), os.path.basename(inspect.getsourcefile(getfile) or "None")


def getmodule():
    return inspect.getmodule(getmodule).__name__ == __name__


def getmembers():
    return sorted(n for n, _ in inspect.getmembers(PickleMe, inspect.isfunction))


def doc_strip():
    def f():
        """a
        b"""

    return f.__doc__


def func_is_hashable_eq():
    def f():
        pass

    return f == f, hash(f) == hash(f), PickleMe(1).m != PickleMe(1).m


def kw_order():
    def f(**k):
        return list(k)

    return f(b=1, a=2)


def star_args_order():
    l = []

    def t(x):
        l.append(x)
        return [x]

    def f(*a, **k):
        pass

    f(*t(1), k=t(2), *t(3))
    return l


def lambda_late():
    return [f() for f in [lambda: i for i in range(3)]]


def late_default():
    return [f() for f in [lambda i=i: i for i in range(3)]]


def func_builtins():
    return (
        hasattr(func_builtins, "__builtins__"),
        type(func_builtins.__globals__).__name__,
        func_builtins.__globals__ is globals(),
    )


def func_type_params():
    def f():
        pass

    return f.__type_params__


def mock_patch():
    from unittest import mock

    with mock.patch(__name__ + ".PickleMe") as m:
        return PickleMe is m


def mock_autospec():
    from unittest import mock

    f = mock.create_autospec(with_args)
    f(1, 2)
    try:
        f(1)
    except TypeError as e:
        return str(e)


def inspect_unwrap():
    return inspect.unwrap(inspect_unwrap) is inspect_unwrap


def getcallargs():
    def f(a, b=2, *c, **d):
        pass

    return inspect.getcallargs(f, 1, z=3)


def getfullargspec():
    def f(a, b=2, *c, d, **e):
        pass

    return str(inspect.getfullargspec(f))


def isroutine():
    return inspect.isroutine(isroutine), inspect.isroutine(PickleMe.m)


def nested_func_names():
    class A:
        def m(self):
            def i():
                pass

            return i

    return A().m().__qualname__
