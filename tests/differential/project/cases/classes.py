import abc
import collections
import dataclasses
import enum
import inspect
import pickle
import typing
import weakref


class PickleMe:
    def __init__(self, x):
        self.x = x

    def m(self):
        return self.x


def method_repr():
    class C:
        def m(self):
            pass

    return repr(C().m).split(" at ")[0][:40]


def class_cell():
    class A:
        def f(self):
            return __class__.__name__

    return A().f()


def class_dict_order():
    class A:
        b = 1
        a = 2

        def c(self):
            pass

    return [k for k in A.__dict__ if not k.startswith("__")]


def class_firstlineno():
    class A:
        pass

    return hasattr(A, "__firstlineno__"), A.__static_attributes__


def static_attributes():
    class A:
        def f(self):
            self.x = 1

    return A.__static_attributes__


def class_annotations():
    class A:
        x: int
        y: "str" = "a"

    return {k: str(v) for k, v in A.__annotations__.items()}


def metaclass_prepare():
    class M(type):
        @classmethod
        def __prepare__(m, n, b, **k):
            return {"z": 1}

        def __new__(m, n, b, ns, **k):
            return super().__new__(m, n, b, dict(ns))

        def __init__(s, *a, **k):
            super().__init__(*a)

    class A(metaclass=M, k=1):
        pass

    return A.z


def dataclass_():
    @dataclasses.dataclass(slots=True, frozen=True, kw_only=True)
    class D:
        a: int = 1
        b: list = dataclasses.field(default_factory=list)

    return repr(D()), D().__match_args__ if hasattr(D, "__match_args__") else None


def dataclass_source():
    @dataclasses.dataclass
    class D:
        a: int = 1

    return str(inspect.signature(D))


def enum_():
    class E(enum.Enum):
        A = enum.auto()
        B = enum.auto()

        def f(self):
            return self.value

    return [e.f() for e in E], repr(E.A)


def nested_comp_class():
    class A:
        n = 3
        l = [i for i in range(n)]

    return A.l


def del_closure():
    x = 1

    def f():
        nonlocal x
        x += 1
        return x

    return f(), x


def super_():
    class A:
        def f(self):
            return 1

    class B(A):
        def f(self):
            return super().f() + 1

        @classmethod
        def g(cls):
            return super().__thisclass__.__name__

    return B().f(), B.g()


def super_in_comp():
    class A:
        def f(self):
            return 1

    class B(A):
        def f(self):
            return [super().f() for _ in range(2)]

    try:
        return B().f()
    except Exception as e:
        return str(e)


def property_():
    class A:
        @property
        def x(self):
            "d"
            return self._x

        @x.setter
        def x(self, v):
            self._x = v

    a = A()
    a.x = 3
    return a.x, A.x.__doc__


def descr_set_name():
    class D:
        def __set_name__(s, o, n):
            s.n = n

    class A:
        q = D()

    return A.q.n


def init_subclass():
    class A:
        def __init_subclass__(cls, **k):
            cls.k = k

    class B(A, z=1):
        pass

    return B.k


def slots():
    class A:
        __slots__ = ("a", "__dict__")

    a = A()
    a.b = 1
    return a.__dict__


def pickle_func():
    return pickle.loads(pickle.dumps(pickle_func)) is pickle_func


def pickle_class():
    return pickle.loads(pickle.dumps(PickleMe(3))).x


def pickle_method():
    return pickle.loads(pickle.dumps(PickleMe(4).m))()


def pickle_local():
    def f():
        pass

    try:
        pickle.dumps(f)
    except Exception as e:
        return type(e).__name__ + str(e)[:40]


def protocols():
    @typing.runtime_checkable
    class P(typing.Protocol):
        def m(self): ...

    return isinstance(PickleMe(1), P)


def namedtuple_():
    N = collections.namedtuple("N", "a b")
    return N(1, 2)._asdict(), N.__module__ == __name__


def typed_namedtuple():
    class N(typing.NamedTuple):
        a: int
        b: str = "x"

    return N(1), N.__module__ == __name__


def weakref_method():
    o = PickleMe(1)
    r = weakref.WeakMethod(o.m)
    return r()()


def del_refcount():
    l = []

    class A:
        def __del__(s):
            l.append(1)

    a = A()
    a = None
    n = len(l)
    b = A()
    del b
    return n, len(l)


def getsource_class():
    try:
        return inspect.getsource(PickleMe).splitlines()[0]
    except Exception as e:
        return type(e).__name__


def mangled():
    class A:
        __x = 1

        def f(self):
            return self.__x

    return A().f(), [k for k in vars(A) if "x" in k]


def method_eq():
    o = PickleMe(1)
    return o.m == o.m, hash(o.m) == hash(o.m), o.m.__func__ is PickleMe.m, o.m.__self__ is o


def class_setattr_func():
    class A:
        pass

    A.f = lambda self: 3
    return A().f()


def monkey_class_builtin():
    import builtins

    old = builtins.isinstance
    builtins.isinstance = lambda a, b: "patched"
    try:
        return isinstance(1, int)
    finally:
        builtins.isinstance = old


def classify():
    return [a.kind for a in inspect.classify_class_attrs(PickleMe) if a.name == "m"]


def abstract():
    import abc

    class A(abc.ABC):
        @abc.abstractmethod
        def f(self): ...

    try:
        A()
    except TypeError as e:
        return str(e)


def super_no_args_in_nested():
    class A:
        def f(self):
            def g():
                return super().__init__()

            try:
                return g()
            except Exception as e:
                return type(e).__name__ + ": " + str(e)

    return A().f()


def abstract_msg():
    import abc

    class A(abc.ABC):
        @abc.abstractmethod
        def f(self): ...
        @abc.abstractmethod
        def g(self): ...

    try:
        A()
    except TypeError as e:
        return str(e)
