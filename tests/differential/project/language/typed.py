"""Annotations, dataclasses, enums and dispatch."""

import copy
import dataclasses
import enum
import functools
import inspect
import typing
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, NotRequired, Protocol, TypedDict, TypeVar

T = TypeVar("T", bound="Node")
module_level: int = 3
only_declared: "str"


class Node(Generic[T]):
    parent: "Node | None" = None
    children: list["Node"]
    count: ClassVar[int] = 0


class Movie(TypedDict, total=False):
    name: str
    year: NotRequired[int]


class Point(NamedTuple):
    x: int
    y: float = 1.5


@typing.runtime_checkable
class Closes(Protocol):
    name: str

    def close(self) -> None: ...


@dataclasses.dataclass(slots=True, order=True, kw_only=True)
class Slotted:
    a: int
    b: list = dataclasses.field(default_factory=list, compare=False, metadata={"x": 1})
    c: ClassVar[int] = 5

    def who(self):
        return __class__.__name__, __class__ is type(self)


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: int
    b: dataclasses.InitVar[int] = 3
    _: dataclasses.KW_ONLY
    c: int = 4

    def __post_init__(self, b):
        object.__setattr__(self, "total", self.a + b)


def module_annotations():
    return {name: str(value) for name, value in __annotations__.items()}


def class_hints():
    return {name: str(value) for name, value in typing.get_type_hints(Node).items()}


def local_hints_fail():
    class Local:
        pass

    def f(x: "Local") -> "Node": ...

    try:
        return str(typing.get_type_hints(f))
    except NameError as error:
        return str(error)


def hints_with_local_names():
    class Local:
        pass

    def f(x: "Local"): ...

    return typing.get_type_hints(f, localns={"Local": Local})["x"] is Local


def annotated_extras():
    def f(x: Annotated[int, "note", 3], y: Literal["a", 1]) -> "Annotated[str, 'r']": ...

    return str(typing.get_type_hints(f, include_extras=True)), str(typing.get_type_hints(f))


def annotations_evaluated_in_order():
    log = []

    def note(x):
        log.append(x)
        return int

    def f(a: note("a") = log.append("default a"), *args: note("args"), k: note("k"), **kw: note("kw")) -> note("r"): ...

    x: note("local, never")
    return log, list(f.__annotations__)


def annotations_of_attributes():
    class C:
        pass

    log = []
    c = C()
    c.x: log.append("attribute") = 1
    values = {}
    values["k"]: log.append("item") = 2
    (z): log.append("parenthesized") = 3
    return log, c.x, values


def star_annotations():
    def f(*args: *tuple[int, str]): ...

    return str(f.__annotations__)


def typed_dict():
    return sorted(Movie.__required_keys__), sorted(Movie.__optional_keys__), Movie.__total__, Movie(name="x")


def named_tuple():
    return Point(1), Point._field_defaults, Point.__annotations__["y"].__name__, Point(2)._replace(x=3), Point.__doc__


def protocol_check():
    class File:
        name = "f"

        def close(self):
            pass

    return isinstance(File(), Closes), isinstance(3, Closes), sorted(Closes.__protocol_attrs__)


def generic_alias():
    return str(Node[int]), str(list["Node"]), str(dict[str, T]), str(Node[T].__parameters__), str(int | None)


def slotted_dataclass():
    s = Slotted(a=1)
    try:
        s.z = 1
    except AttributeError as error:
        text = str(error)
    return s, s.who(), text, Slotted.__slots__, Slotted(a=1) < Slotted(a=2), str(inspect.signature(Slotted))


def slotted_weakref():
    @dataclasses.dataclass(slots=True, weakref_slot=True)
    class W:
        x: int = 0

        def f(self):
            return __class__ is type(self)

    return W.__slots__, W.__match_args__, W().f()


def frozen_dataclass():
    f = Frozen(1, 2)
    texts = []
    for change in (lambda: setattr(f, "a", 2), lambda: delattr(f, "a"), lambda: Frozen(1, 2, 3)):
        try:
            change()
        except (AttributeError, TypeError) as error:
            texts.append(f"{type(error).__name__}: {error}")
    return f, f.total, texts, hash(f) == hash(Frozen(1, 3)), dataclasses.asdict(f)


def dataclass_copies():
    f = Slotted(a=1, b=[1, [2]])
    deep = copy.deepcopy(f)
    replaced = copy.replace(f, a=9)
    return deep == f, deep.b is f.b, replaced, dataclasses.astuple(f)


def dataclass_errors():
    texts = []
    for make in (
        lambda: dataclasses.make_dataclass("M", [("a", int, 1), "b"]),
        lambda: dataclasses.make_dataclass("M", [("a", list, [])]),
        lambda: Slotted(1),
        lambda: Slotted(),
        lambda: dataclasses.replace(Frozen(1), total=3),
    ):
        try:
            texts.append(repr(make()))
        except (TypeError, ValueError) as error:
            texts.append(str(error))
    return texts


def dataclass_doc_and_match():
    return Slotted.__doc__, Frozen.__doc__, Frozen.__match_args__, [each.name for each in dataclasses.fields(Frozen)]


def recursive_repr():
    @dataclasses.dataclass
    class R:
        me: object = None

    r = R()
    r.me = r
    return repr(r)


class Color(enum.Enum):
    """A color."""

    _ignore_ = ["k"]
    RED = 1
    GREEN = "g", 2
    CRIMSON = 1

    @property
    def label(self):
        return self.name.title()

    @enum.member
    def METHOD():
        return "a member"

    @enum.nonmember
    class Inner:
        pass

    @classmethod
    def _missing_(cls, value):
        return cls.RED if value == "rouge" else None


class Planet(enum.Enum):
    EARTH = (5.9, 6.3)

    def __init__(self, mass, radius):
        self.mass = mass


class Perm(enum.Flag, boundary=enum.KEEP):
    R = enum.auto()
    W = enum.auto()
    RW = R | W


class Lower(enum.StrEnum):
    @staticmethod
    def _generate_next_value_(name, start, count, last):
        return f"{name.lower()}{count}"

    FIRST = enum.auto()
    SECOND = enum.auto()


def enum_members():
    return list(Color.__members__), Color.CRIMSON is Color.RED, Color("rouge"), Color.GREEN.label, Color.METHOD.name


def enum_errors():
    texts = []
    for make in (
        lambda: Color(99),
        lambda: Color["NO"],
        lambda: setattr(Color, "RED", 3),
        lambda: enum.Enum("X", "a a"),
        lambda: type("Y", (Color,), {}),
        lambda: Color.RED < Color.GREEN,
    ):
        try:
            texts.append(repr(make()))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            texts.append(f"{type(error).__name__}: {error}")
    return texts


def enum_forms():
    return (
        [str(Color.RED), repr(Color.RED), f"{Color.RED}", format(Lower.FIRST), f"{Lower.SECOND!r}"],
        Planet.EARTH.mass,
        [repr(Perm.R | Perm.W), repr(Perm(8 | 1)), repr(~Perm.R), list(Perm.RW), Perm(0).name],
        Color.Inner.__name__,
    )


def enum_with_mixin():
    class Http(int, enum.Enum):
        OK = 200, "Fine"

        def __new__(cls, value, phrase):
            self = int.__new__(cls, value)
            self._value_ = value
            self.phrase = phrase
            return self

    return Http.OK == 200, Http(200).phrase, repr(Http.OK), Http.__doc__, int(Http.OK) + 1


def enum_verified():
    try:

        @enum.verify(enum.UNIQUE)
        class Double(enum.Enum):
            A = 1
            B = 1
    except ValueError as error:
        return str(error)


def enum_functional():
    Made = enum.Enum("Made", [("A", 1), ("B", 2)], module=__name__)
    return Made.__module__, list(Made), Made.__qualname__


def enum_global():
    space = {}
    made = enum.IntFlag("Made", "X Y", module=__name__, boundary=enum.EJECT)
    enum.global_flag_repr
    return made(7), type(made(7)).__name__, space, repr(made.X | made.Y)


@functools.singledispatch
def _describe(value, /):
    return f"any {value!r}"


@_describe.register
def _(value: int | bool):
    return f"int {value}"


@_describe.register
def _(value: "list"):
    return f"list of {len(value)}"


@_describe.register(type(None))
@_describe.register(float)
def described_float(value):
    return f"float or None {value}"


def dispatch_on_annotations():
    return _describe(3), _describe(True), _describe([1]), _describe(None), _describe(1.5), _describe("x")


def dispatch_names():
    return _describe.__name__, _describe.dispatch(int).__name__, sorted(each.__name__ for each in _describe.registry)


def dispatch_refuses():
    texts = []
    try:

        @_describe.register
        def no_annotation(value): ...
    except TypeError as error:
        texts.append(str(error).partition(" 0x")[0][:60])
    try:

        @_describe.register
        def not_class(value: "Literal[1]"): ...
    except TypeError as error:
        texts.append(str(error)[:40])
    try:
        _describe()
    except TypeError as error:
        texts.append(str(error))
    return texts


def dispatch_method():
    class Formatter:
        @functools.singledispatchmethod
        def form(self, value):
            return "any"

        @form.register
        def _(self, value: int):
            return f"int {value}"

        @form.register
        @classmethod
        def _(cls, value: str):
            return f"{cls.__name__} {value}"

    f = Formatter()
    return f.form(1), f.form("s"), f.form(None), Formatter.form.__name__


def overloads():
    @typing.overload
    def f(x: int) -> int: ...
    @typing.overload
    def f(x: str) -> str: ...
    def f(x):
        return x

    return len(typing.get_overloads(f)), [str(inspect.signature(each)) for each in typing.get_overloads(f)]


def type_checking_marks():
    @typing.final
    @typing.no_type_check
    class F:
        x: "not a type" = 1

        @typing.override
        def f(self): ...

    return F.__final__, F.f.__override__, typing.get_type_hints(F), str(typing.reveal_type)[:9]


def casts_and_new_types():
    Id = typing.NewType("Id", int)
    return Id(3), Id.__name__, Id.__module__, typing.cast("anything", 4), repr(Any), Id.__supertype__.__name__
