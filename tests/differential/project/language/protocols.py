"""Descriptors, metaclasses, and what operators call."""

import abc
import collections
import collections.abc
import numbers
import types
import weakref


def data_descriptor_wins():
    class Data:
        def __get__(self, instance, owner):
            return "descriptor", instance is None, owner.__name__

        def __set__(self, instance, value):
            instance.__dict__["x"] = value

    class Plain:
        def __get__(self, instance, owner):
            return "non-data"

    class C:
        x = Data()
        y = Plain()

    c = C()
    c.x = 1
    c.__dict__["y"] = 2
    return c.x, c.y, C.x


def set_name_fails():
    class Bad:
        def __set_name__(self, owner, name):
            raise KeyError(name)

    try:

        class C:
            attribute = Bad()
    except KeyError as error:
        return str(error), error.__notes__


def metaclass_call():
    class Meta(type):
        def __new__(mcs, name, bases, namespace, **kw):
            cls = super().__new__(mcs, name, bases, namespace)
            cls.options = kw
            return cls

        def __init__(cls, name, bases, namespace, **kw):
            super().__init__(name, bases, namespace)

        def __call__(cls, *args):
            made = super().__call__(*args)
            made.by = cls.__name__
            return made

        def __instancecheck__(cls, instance):
            return instance == 42

        def __getattr__(cls, name):
            return f"class has no {name}"

        def __iter__(cls):
            return iter("xy")

        def __len__(cls):
            return 9

    class C(metaclass=Meta, option=1):
        pass

    return C().by, C.options, isinstance(42, C), C.other, list(C), len(C), type(C).__name__


def metaclass_conflict():
    class A(type):
        pass

    class B(type):
        pass

    try:

        class C(A("X", (), {}), B("Y", (), {})):
            pass
    except TypeError as error:
        return str(error)


def mro_conflict():
    class A:
        pass

    class B(A):
        pass

    try:

        class C(A, B):
            pass
    except TypeError as error:
        return str(error)


def mro_entries():
    class Alias:
        def __mro_entries__(self, bases):
            return (dict, collections.abc.Hashable)

    class C(Alias()):
        __hash__ = object.__hash__

    return [each.__name__ for each in C.__mro__], len(C.__orig_bases__)


def custom_mro():
    class Meta(type):
        def mro(cls):
            return [cls, Mixed, object]

    class Mixed:
        value = "from mro"

    class C(metaclass=Meta):
        pass

    return C.value, C.__bases__[0].__name__


def init_subclass_chain():
    seen = []

    class Base:
        def __init_subclass__(cls, /, label=None, **kw):
            super().__init_subclass__(**kw)
            seen.append((cls.__name__, label, sorted(k for k in cls.__dict__ if not k.startswith("__"))))

    class One(Base, label="one"):
        x = 1

    class Two(One):
        y = 2

    try:

        class Three(Two, unknown=1):
            pass
    except TypeError as error:
        seen.append(str(error))
    return seen


def class_getitem():
    class Box:
        def __class_getitem__(cls, item):
            return types.GenericAlias(cls, item)

    return repr(Box[int]).rpartition(".")[2], Box[int].__args__[0].__name__, Box[int]().__orig_class__.__origin__ is Box


def class_cell_missing():
    class Meta(type):
        def __new__(mcs, name, bases, namespace):
            namespace.pop("__classcell__", None)
            return super().__new__(mcs, name, bases, namespace)

    try:

        class C(metaclass=Meta):
            def f(self):
                return __class__

        return C().f()
    except RuntimeError as error:
        return str(error)[:50]


def class_cell_in_static_and_lambda():
    class C:
        @staticmethod
        def s():
            return __class__.__name__

        made = lambda self: __class__.__name__  # noqa: E731

        @classmethod
        def c(cls):
            return super().__name__ if hasattr(super(), "__name__") else cls.__name__, __class__ is cls

    class D(C):
        pass

    return C.s(), C().made(), D.c()


def super_errors():
    texts = []

    class C:
        def none():
            super()

        def deleted(self):
            del self
            super()

        def other(self):
            self = 3
            return super().__repr__()

    for call in (C.none, lambda: C().deleted(), lambda: C().other(), lambda: super()):
        try:
            texts.append(call())
        except (RuntimeError, TypeError) as error:
            texts.append(f"{type(error).__name__}: {error}")
    return texts


def reassigned_class():
    class A:
        def who(self):
            return "A", __class__.__name__

    class B:
        def who(self):
            return "B"

    a = A()
    a.__class__ = B
    return a.who(), A.who(a)


def getattr_hooks():
    log = []

    class C:
        x = 1

        def __getattribute__(self, name):
            log.append(f"get {name}")
            return super().__getattribute__(name)

        def __getattr__(self, name):
            log.append(f"missing {name}")
            return name.upper()

        def __setattr__(self, name, value):
            log.append(f"set {name}")
            super().__setattr__(name, value)

        def __delattr__(self, name):
            log.append(f"del {name}")

    c = C()
    c.y = c.x
    del c.y
    return c.z, hasattr(c, "q"), getattr(c, "w", 5), log


def reflected_operators():
    log = []

    class A:
        def __add__(self, other):
            log.append("A.add")
            return NotImplemented

        def __eq__(self, other):
            log.append("A.eq")
            return NotImplemented

        __hash__ = None

    class B(A):
        def __radd__(self, other):
            log.append("B.radd")
            return "sum"

        def __matmul__(self, other):
            return "@", other

        def __imatmul__(self, other):
            return "@=", other

    b = B()
    value = A() + b
    equal = A() == b
    b @= 3
    try:
        A() + 1
    except TypeError as error:
        log.append(str(error))
    try:
        hash(A())
    except TypeError as error:
        log.append(str(error))
    return value, equal, b, log


def rich_comparison_returns():
    class Many:
        def __lt__(self, other):
            return []

        def __contains__(self, item):
            return "yes"

        def __bool__(self):
            return False

    return Many() < 1, 1 in Many(), not Many(), (Many() < 1 < 2)


def bad_special_methods():
    class C:
        def __len__(self):
            return -1

        def __bool__(self):
            return 2

        def __str__(self):
            return 3

        def __hash__(self):
            return "x"

        def __index__(self):
            return "x"

        def __iter__(self):
            return 1

        def __format__(self, spec):
            return 1

    texts = []
    for call in (len, bool, str, hash, lambda c: [1][c], list, lambda c: f"{c:x}", lambda c: "%d" % c, lambda c: [*c]):
        try:
            texts.append(call(C()))
        except (TypeError, ValueError) as error:
            texts.append(f"{type(error).__name__}: {error}")
    return texts


def special_methods_looked_up_on_type():
    class C:
        pass

    c = C()
    c.__len__ = lambda: 5
    try:
        return len(c)
    except TypeError as error:
        return str(error)


def abc_registration():
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): ...

        @classmethod
        def __subclasshook__(cls, other):
            return True if any("sides" in each.__dict__ for each in other.__mro__) else NotImplemented

    class Square:
        sides = 4

    @Shape.register
    class Odd:
        pass

    return issubclass(Square, Shape), isinstance(Odd(), Shape), issubclass(int, Shape), sorted(Shape.__abstractmethods__)


def abc_update():
    class Base(abc.ABC):
        @property
        @abc.abstractmethod
        def value(self): ...

        @staticmethod
        @abc.abstractmethod
        def made(): ...

    class Derived(Base):
        made = staticmethod(lambda: 1)

    Derived.value = 3
    before = sorted(Derived.__abstractmethods__)
    abc.update_abstractmethods(Derived)
    return before, Derived().value, sorted(Derived.__abstractmethods__)


def collections_protocols():
    class Sized:
        def __len__(self):
            return 0

        def __iter__(self):
            return iter(())

        def __contains__(self, x):
            return False

    class No(Sized):
        __iter__ = None

    return (
        isinstance(Sized(), collections.abc.Collection),
        isinstance(No(), collections.abc.Iterable),
        isinstance(lambda: 1, collections.abc.Callable),
        isinstance(1, numbers.Integral),
    )


def user_collections():
    class Upper(collections.UserDict):
        def __setitem__(self, key, value):
            super().__setitem__(key.upper(), value)

        def __missing__(self, key):
            return f"no {key}"

    class Default(dict):
        def __missing__(self, key):
            return key * 2

    upper = Upper(a=1)
    upper.update(b=2)
    return dict(upper), upper["zz"], Default()["q"], "%(n)s" % Default(), "{n}".format_map(Default())


def slots_and_weakref():
    class S:
        __slots__ = {"x": "doc of x"}

    class T(S):
        __slots__ = ("__weakref__", "__dict__")

    try:
        weakref.ref(S())
    except TypeError as error:
        text = str(error)
    try:
        S().y = 1
    except AttributeError as error:
        other = str(error)
    return text, other, S.x.__doc__, weakref.ref(T())() is None


def weak_collections():
    class K:
        pass

    log = []
    k = K()
    table = weakref.WeakKeyDictionary({k: 1})
    values = weakref.WeakValueDictionary(x=k)
    weakref.finalize(k, log.append, "final")
    before = len(table), len(values)
    del k
    return before, len(table), len(values), log


def proxy():
    class P:
        def f(self):
            return "f"

    p = P()
    other = weakref.proxy(p)
    value = other.f()
    del p
    try:
        other.f()
    except ReferenceError as error:
        return value, str(error)


def del_order():
    log = []

    class D:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            log.append(self.name)

    def f():
        a = D("a")
        b = D("b")
        D("temporary")
        a = D("a2")
        log.append("end")

    f()
    return log


def del_raises():
    import sys

    seen = []
    old = sys.unraisablehook
    sys.unraisablehook = lambda info: seen.append((type(info.exc_value).__name__, str(info.exc_value), info.err_msg))
    try:

        class D:
            def __del__(self):
                raise ValueError("in del")

        D()
    finally:
        sys.unraisablehook = old
    return seen


def type_made_by_call():
    Made = type("Made", (dict,), {"x": 1, "f": lambda self: self.x})
    return Made().f(), Made.__module__, Made.__qualname__, Made.f.__qualname__


def new_class():
    Made = types.new_class("Made", (), {}, lambda ns: ns.update(y=2))
    return Made.y, Made.__module__


def subclasses_and_doc():
    class Base:
        """Doc."""

    class Derived(Base):
        pass

    Base.__doc__ = "changed"
    Derived.__name__ = "Renamed"
    return [each.__name__ for each in Base.__subclasses__()], Base.__doc__, Derived.__doc__, repr(Derived)[-30:]


def property_names():
    class C:
        @property
        def x(self):
            "doc of x"
            return 1

    try:
        C().x = 2
    except AttributeError as error:
        text = str(error)
    return text, C.x.__doc__, C.x.fget.__qualname__, C.x.__name__


def context_manager_lookup():
    class No:
        pass

    texts = []
    try:
        with No():
            pass
    except TypeError as error:
        texts.append(str(error))

    class Half:
        def __enter__(self):
            return 1

    try:
        with Half():
            pass
    except TypeError as error:
        texts.append(str(error))

    class Swallow:
        def __enter__(self):
            return self

        def __exit__(self, kind, error, trace):
            texts.append((kind and kind.__name__, str(error), trace is not None))
            return True

    with Swallow(), Swallow():
        raise KeyError("inner")
    with (Swallow() as a, Swallow() as b):
        pass
    return texts


def old_iteration():
    class Old:
        def __getitem__(self, i):
            if i > 2:
                raise IndexError
            return i * i

    return list(Old()), 4 in Old(), [*reversed(type("R", (Old,), {"__len__": lambda s: 3})())], tuple(zip(Old(), "ab"))


def descriptors_of_builtins():
    return (
        [each.__name__ for each in (str.upper.__class__, int.real.__class__, type.__dict__["__dict__"].__class__)],
        str.__dict__["maketrans"].__class__.__name__,
        "a".upper.__qualname__,
    )
