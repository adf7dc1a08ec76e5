"""Ways to call oneself, one for each construct of the language. None of them ends; each is to raise RecursionError."""

import asyncio
import copy
import functools
import json
import pickle
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from django.dispatch import Signal
from django.template import Context, Template

Kind = Callable[[], Any]
KINDS: dict[str, Kind] = {}


def kind(function: Kind) -> Kind:
    KINDS[function.__name__] = function
    return function


# Functions


@kind
def plain() -> Any:
    return plain() + 1


@kind
def mutual() -> Any:
    return other()


def other() -> Any:
    return [mutual()]


@kind
def arguments(*values: int, **named: int) -> Any:
    return arguments(*values[-1:], 1, **named)


@kind
def nested() -> Any:
    def inner() -> Any:
        return nested()

    return inner()


@kind
def closure() -> Any:
    def inner() -> Any:
        return [inner()]

    return inner()


anonymous = lambda: anonymous() or 1
KINDS["anonymous"] = anonymous
KINDS["anonymous_called"] = lambda: (lambda: KINDS["anonymous_called"]())()
KINDS["partial"] = functools.partial(lambda: KINDS["partial"]())


@kind
@functools.cache
def cached() -> Any:
    return cached()


def twice(function: Kind) -> Kind:
    @functools.wraps(function)
    def wrapper() -> Any:
        return function() or wrapper()

    return wrapper


@kind
@twice
def decorated() -> Any:
    return decorated()


@kind
def decorator() -> Any:
    @twice
    def inner() -> Any:
        return decorator()

    return inner()


@kind
def default_argument() -> Any:
    def inner(value: Any = default_argument()) -> Any:
        return value

    return inner()


@kind
def class_body() -> Any:
    class Inner:
        value = class_body()

    return Inner


@kind
def in_handler() -> Any:
    try:
        raise ValueError
    except ValueError:
        return in_handler()


@kind
def in_finally() -> Any:
    try:
        return 1
    finally:
        in_finally()


@kind
def evaluated() -> Any:
    return eval("function()", {"function": evaluated})


@kind
def executed() -> Any:
    exec("function()", {"function": executed})


@kind
def matched() -> Any:
    class Point:
        __match_args__ = ("x",)

        @property
        def x(self) -> Any:
            return matched()

    match Point():
        case Point(1):
            return 1


# Comprehensions, generators and coroutines


@kind
def of_list() -> Any:
    return [of_list() for _ in "a"]


@kind
def of_set() -> Any:
    return {of_set() for _ in "a"}


@kind
def of_dict() -> Any:
    return {name: of_dict() for name in "a"}


@kind
def of_generator() -> Any:
    return sum(of_generator() for _ in "a")


def endless() -> Iterator[Any]:
    for value in endless():
        yield value


@kind
def generator() -> Any:
    return list(endless())


def delegating() -> Iterator[Any]:
    yield 1
    yield from delegating()


@kind
def generator_from() -> Any:
    return list(delegating())


async def awaiting() -> Any:
    return [await awaiting()]


@kind
def coroutine() -> Any:
    return asyncio.run(awaiting())


@kind
def coroutine_sent() -> Any:
    return awaiting().send(None)


async def awaiting_gathered() -> Any:
    await asyncio.sleep(0)
    return await awaiting()


@kind
def coroutines() -> Any:
    async def start() -> Any:
        return await asyncio.gather(awaiting_gathered(), awaiting_gathered())

    return asyncio.run(start())


async def endless_async() -> AsyncIterator[Any]:
    yield 1
    async for value in endless_async():
        yield value


@kind
def async_generator() -> Any:
    async def start() -> Any:
        return [value async for value in endless_async()]

    return asyncio.run(start())


class AsyncContext:
    async def __aenter__(self) -> Any:
        async with AsyncContext():
            return self

    async def __aexit__(self, *_: object) -> None:
        pass


@kind
def async_context() -> Any:
    return asyncio.run(AsyncContext().__aenter__())


class Awaitable:
    def __await__(self) -> Iterator[Any]:
        return (yield from Awaitable().__await__())


@kind
def awaitable() -> Any:
    async def start() -> Any:
        return await Awaitable()  # type: ignore[misc]

    return asyncio.run(start())


# Methods that Python calls


class Odd:
    """Each of its methods calls itself, by the way that Python calls it."""

    def method(self) -> Any:
        return self.method()

    @classmethod
    def of_class(cls) -> Any:
        return cls.of_class()

    @staticmethod
    def static() -> Any:
        return Odd.static()

    @property
    def name(self) -> Any:
        return self.name

    @functools.cached_property
    def once(self) -> Any:
        return self.once

    @property
    def value(self) -> Any:
        return 1

    @value.setter
    def value(self, value: int) -> None:
        self.value = value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def __eq__(self, other: object) -> bool:
        return self == other

    def __hash__(self) -> int:
        return hash((self,))

    def __lt__(self, other: object) -> bool:
        return sorted([self, other]) == []  # type: ignore[type-var]

    def __repr__(self) -> str:
        return f"{[self]!r}"

    def __str__(self) -> str:
        return f"{self}"

    def __format__(self, how: str) -> str:
        return "{:a}".format(self)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self))

    def __bool__(self) -> bool:
        return not self

    def __len__(self) -> int:
        return len(self)

    def __contains__(self, value: object) -> bool:
        return value in self

    def __getitem__(self, key: int) -> Any:
        return self[key]

    def __setitem__(self, key: int, value: int) -> None:
        self[key] = value

    def __delitem__(self, key: int) -> None:
        del self[key]

    def __call__(self) -> Any:
        return self()

    def __add__(self, other: object) -> Any:
        return self + other

    def __radd__(self, other: object) -> Any:
        return other + self  # type: ignore[operator]

    def __iadd__(self, other: object) -> Any:
        self += other
        return self

    def __neg__(self) -> Any:
        return -self

    def __int__(self) -> int:
        return int(self)

    def __index__(self) -> int:
        return [1][self]

    def __enter__(self) -> Any:
        with self:
            return 1

    def __exit__(self, *_: object) -> None:
        with Odd():
            pass

    def __reduce__(self) -> Any:
        return (Odd, (), {"a": pickle.dumps(self)})

    def __deepcopy__(self, memo: Any) -> Any:
        return copy.deepcopy(self)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self)  # type: ignore[arg-type]

    def __dir__(self) -> Any:
        return dir(self)

    def __sizeof__(self) -> int:
        return self.__sizeof__()

    def __bytes__(self) -> bytes:
        return bytes(self)


def odd(name: str, use: Callable[[Any], Any]) -> None:
    KINDS[name] = lambda: use(Odd())


def change(value: Any) -> None:
    value.value = 2


def set_item(value: Any) -> None:
    value[1] = 2


def delete_item(value: Any) -> None:
    del value[1]


def add_to(value: Any) -> None:
    value += 1


def enter(value: Any) -> None:
    with value:
        pass


odd("method", lambda value: value.method())
odd("class_method", lambda value: value.of_class())
odd("static_method", lambda value: value.static())
odd("bound_method", lambda value: functools.reduce(lambda result, each: each(), [value.method], 1))
odd("property", lambda value: value.name)
odd("cached_property", lambda value: value.once)
odd("setter", change)
odd("getattr", lambda value: value.missing)
odd("hasattr", lambda value: hasattr(value, "missing"))
odd("eq", lambda value: value == 1)
odd("ne", lambda value: value != 1)
odd("in_list", lambda value: 1 in [value])
odd("hash", hash)
odd("set_of", lambda value: {value})
odd("sort", lambda value: sorted([value, value]))
odd("repr", repr)
odd("str", str)
odd("print", lambda value: f"{value} {value!r}")
odd("format", lambda value: f"{value:x}")
odd("percent", lambda value: "%s" % value)
odd("iter", list)
odd("unpack", lambda value: [*value])
odd("loop", lambda value: [each for each in value])
odd("bool", lambda value: 1 if value else 2)
odd("len", len)
odd("contains", lambda value: 1 in value)
odd("getitem", lambda value: value[1])
odd("setitem", set_item)
odd("delitem", delete_item)
odd("call", lambda value: value())
odd("add", lambda value: value + 1)
odd("radd", lambda value: 1 + value)
odd("iadd", add_to)
odd("neg", lambda value: -value)
odd("int", int)
odd("index", lambda value: [1][value])
odd("with", enter)
odd("exit", lambda value: value.__exit__())
odd("pickle", pickle.dumps)
odd("deepcopy", copy.deepcopy)
odd("isinstance", lambda value: isinstance(1, value))
odd("dir", dir)
odd("sizeof", lambda value: value.__sizeof__())
odd("bytes", bytes)


class EveryAttribute:
    def __getattribute__(self, name: str) -> Any:
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self, name)


@kind
def getattribute() -> Any:
    return EveryAttribute().a  # type: ignore[attr-defined]


@kind
def setattribute() -> None:
    EveryAttribute().a = 1  # type: ignore[attr-defined]


@kind
def delattribute() -> None:
    del EveryAttribute().a  # type: ignore[attr-defined]


class Made:
    def __new__(cls) -> Any:
        return Made()


class Initialized:
    def __init__(self) -> None:
        self.other = Initialized()


KINDS |= {"new": Made, "init": Initialized}


class Meta(type):
    def __call__(cls, *arguments: Any) -> Any:
        return cls()

    def __getitem__(cls, key: Any) -> Any:
        return cls[key]


class WithMeta(metaclass=Meta):
    pass


@kind
def metaclass() -> Any:
    return WithMeta()


@kind
def class_item() -> Any:
    return WithMeta[1]


class Subclassed:
    def __init_subclass__(cls) -> None:
        type("Other", (Subclassed,), {})


@kind
def subclass() -> Any:
    return type("First", (Subclassed,), {})


class Descriptor:
    def __get__(self, instance: Any, owner: Any) -> Any:
        return instance.described

    def __set_name__(self, owner: Any, name: str) -> None:
        type("Owner", (), {"described": Descriptor()})


@kind
def set_name() -> Any:
    return type("First", (), {"described": Descriptor()})


class Described:
    pass


Described.described = Descriptor()  # type: ignore[attr-defined]


@kind
def descriptor() -> Any:
    return Described().described  # type: ignore[attr-defined]


class Parent:
    def __init__(self) -> None:
        self.parent = self

    def depth(self) -> int:
        return 1 + self.parent.depth()


@kind
def cycle() -> Any:
    return Parent().depth()


class Child(Parent):
    def depth(self) -> int:
        return super().depth()


@kind
def through_super() -> Any:
    return Child().depth()


# Through C and bytecode


@kind
def sort_key() -> Any:
    return sorted([2, 1], key=lambda _: sort_key())


@kind
def sort_in_place() -> Any:
    [2, 1].sort(key=lambda _: sort_in_place())


@kind
def mapped() -> Any:
    return list(map(lambda _: mapped(), "a"))


@kind
def filtered() -> Any:
    return list(filter(lambda _: filtered(), "a"))


@kind
def reduced() -> Any:
    return functools.reduce(lambda _, __: reduced(), "abc")


@kind
def largest() -> Any:
    return max("ab", key=lambda _: largest())


@kind
def substituted() -> Any:
    return re.sub("a", lambda _: substituted(), "a")


@kind
def json_default() -> Any:
    return json.dumps(object(), default=lambda _: json_default())


@kind
def json_same() -> Any:
    return json.dumps(object(), default=lambda _: [object()])


@kind
def json_hook() -> Any:
    return json.loads("{}", object_hook=lambda _: json_hook())


class Rendered:
    """A template asks it for what is rendered by the same template."""

    def again(self) -> str:
        return TEMPLATE.render(Context({"rendered": self}))


@functools.cache
def template() -> Template:
    return Template("{% if 1 %}{% with a=1 %}{{ rendered.again }}{% endwith %}{% endif %}")


class _Template:
    def render(self, context: Context) -> str:
        return str(template().render(context))


TEMPLATE = _Template()


@kind
def rendering() -> Any:
    return Rendered().again()


asked = Signal()


@kind
def signals() -> Any:
    asked.connect(receive)
    return asked.send(None)


def receive(**_: Any) -> Any:
    return asked.send(None)


class Copied:
    def __init__(self) -> None:
        self.inner = [self]

    def __deepcopy__(self, memo: Any) -> Any:
        return copy.deepcopy([Copied()])


@kind
def deepcopy_list() -> Any:
    return copy.deepcopy(Copied())


class Reduced:
    def __reduce__(self) -> Any:
        return (list, ([Reduced()],))


@kind
def pickle_list() -> Any:
    return pickle.dumps(Reduced())


class Shown:
    def __repr__(self) -> str:
        return repr([{"a": (Shown(),)}])


@kind
def repr_list() -> Any:
    return repr([Shown()])
