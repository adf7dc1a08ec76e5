"""Closures, decorators and arguments."""

import functools
import operator
import weakref


def counter():
    def make():
        n = 0

        def add():
            nonlocal n
            n += 1
            return n

        def reset():
            nonlocal n
            n = 0

        return add, reset

    add, reset = make()
    add(), add()
    reset()
    return add(), add()


def deleted_cell():
    def make():
        x = 1

        def read():
            return x

        del x
        return read

    try:
        return make()()
    except NameError as error:
        return type(error).__name__, str(error)


def cell_contents():
    def make():
        x = 1
        return lambda: x

    cell = make().__closure__[0]
    cell.cell_contents = 5
    return cell.cell_contents, repr(cell)[:8]


def cell_written():
    def make():
        x = 1

        def read():
            return x

        return read

    read = make()
    read.__closure__[0].cell_contents = 7
    return read()


def class_decorator_order():
    seen = []

    def note(label):
        seen.append(f"make {label}")

        def apply(cls):
            seen.append(f"apply {label} to {cls.__name__}")
            return cls

        return apply

    @note("outer")
    @note("inner")
    class Made:
        seen.append("body")

    return seen


def decorator_is_any_expression():
    table = {"x": [lambda f: f, lambda f: f() + 1]}

    @table["x"][1]
    def seven():
        return 6

    @(lambda f: f() * 2)
    def ten():
        return 5

    return seven, ten


def defaults_evaluated_once():
    calls = []

    def default():
        calls.append(1)
        return []

    def f(x=default()):
        x.append(len(x))
        return x

    f(), f()
    return f(), calls


def positional_only():
    def f(a, b=2, /, c=3, *args, d, **kw):
        return a, b, c, args, d, kw

    results = [f(1, d=4), f(1, d=4, a=9, b=8)]
    for args, kw in [((), {"a": 1, "d": 2}), ((1,), {}), ((1, 2, 3), {"c": 1, "d": 3})]:
        try:
            results.append(f(*args, **kw))
        except TypeError as error:
            results.append(str(error))
    return results


def errors_of_nested_names():
    class Outer:
        def method(self, a, *, key):
            def inner(x):
                return x

            return inner()

        @staticmethod
        def static(a):
            pass

        @classmethod
        def made(cls, a):
            pass

    texts = []
    for call in (
        lambda: Outer().method(1),
        lambda: Outer().method(1, key=2),
        lambda: Outer.static(),
        lambda: Outer.made(),
        lambda: Outer(1),
        lambda: Outer.method(),
        lambda: (lambda x, y: x)(1),
        lambda: Outer().method(1, 2, 3, key=3),
        lambda: Outer.static(1, **{"a": 2}),
        lambda: Outer.static(**{1: 2}),
        lambda: Outer.static(*3),
        lambda: Outer.static(**3),
        lambda: Outer.static(*[1], *[2], **{"b": 1}),
    ):
        try:
            texts.append(repr(call()))
        except TypeError as error:
            texts.append(str(error))
    return texts


def duplicate_keywords():
    def f(**kw):
        return kw

    try:
        return f(**{"a": 1}, **{"a": 2})
    except TypeError as error:
        return str(error)


def keyword_subclass():
    class Text(str):
        pass

    def f(**kw):
        return [type(each).__name__ for each in kw]

    return f(**{Text("a"): 1})


def mapping_arguments():
    class Mapping:
        def keys(self):
            return ["x", "y"]

        def __getitem__(self, key):
            return key * 2

    return (lambda **kw: kw)(**Mapping())


def singleton_via_function_attribute():
    def f():
        f.calls += 1
        return f.calls

    f.calls = 0
    f()
    return f(), f.__dict__


def wrapped_chain():
    def logged(f):
        @functools.wraps(f, updated=())
        def wrapper(*args, **kw):
            """The wrapper's own."""
            return f(*args, **kw)

        return wrapper

    @logged
    @logged
    def target(a: int, b: "str" = "x") -> bool:
        """The target."""

    return target.__doc__, target.__name__, target.__wrapped__.__wrapped__.__name__, str(target.__annotations__)


def recursion_by_name():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    return even(10), odd(7)


def lambda_names():
    f = lambda: 1  # noqa: E731
    made = [lambda i=i: i * 10 for i in range(3)]
    return f.__name__, f.__qualname__, [each() for each in made], made[0].__qualname__


def function_survives_module_attribute():
    reference = weakref.ref(lambda: 1)
    return reference() is None


def function_weakref():
    def f():
        return 1

    reference = weakref.ref(f)
    alive = reference() is f
    del f
    return alive, reference() is None


def partialmethod():
    class Cell:
        def set(self, value, *, note=""):
            return value, note

        alive = functools.partialmethod(set, True, note="n")

    return Cell().alive(), repr(Cell.__dict__["alive"])[:40]


def cached_property():
    class Data:
        calls = 0

        @functools.cached_property
        def value(self):
            """Doc of value."""
            self.calls += 1
            return self.calls

    data = Data()
    data.value, data.value
    del data.value
    return data.value, data.__dict__, Data.value.__doc__, Data.__dict__["value"].attrname


def total_ordering():
    @functools.total_ordering
    class N:
        def __init__(self, n):
            self.n = n

        def __eq__(self, other):
            return self.n == other.n

        def __lt__(self, other):
            return self.n < other.n

    return N(1) <= N(1), N(2) > N(1), N.__hash__, N.__ge__.__name__, N.__gt__.__qualname__


def cmp_and_reduce():
    return sorted("bca", key=functools.cmp_to_key(lambda a, b: (a < b) - (a > b))), functools.reduce(
        operator.or_, [{1: 1}, {2: 2}]
    )


def attributes_of_function():
    def f(a=1, *, b=2):
        "doc"

    return sorted(set(dir(f)) - set(dir(object))), f.__module__, f.__defaults__, f.__kwdefaults__


def read_only_attributes():
    def f():
        pass

    texts = []
    for name, value in [("__name__", 1), ("__closure__", ()), ("__globals__", {}), ("__dict__", 1), ("__defaults__", 1)]:
        try:
            setattr(f, name, value)
            texts.append(name)
        except Exception as error:
            texts.append(f"{type(error).__name__}: {error}")
    return texts


def method_attributes():
    class C:
        def m(self):
            "doc of m"

    bound = C().m
    try:
        bound.x = 1
    except AttributeError as error:
        text = str(error)
    return text, bound.__doc__, bound.__name__, bound.__qualname__, bound.__self__.__class__.__name__


def call_of_class_instances():
    class Adder:
        def __init__(self, n):
            self.n = n

        def __call__(self, x):
            return self.n + x

    class Holder:
        add = Adder(1)
        plain = len

    return Holder().add(2), Holder().plain([1]), callable(Adder(1)), callable(Holder())


def global_named_like_builtin():
    global max
    max = lambda *args: "ours"  # noqa: E731
    try:
        return max(1, 2), "max" in globals()
    finally:
        del max
