from __future__ import annotations

import dataclasses
import functools
import inspect
import typing

if typing.TYPE_CHECKING:
    from nowhere import Nothing


@dataclasses.dataclass
class Postponed:
    a: int
    b: typing.ClassVar[int] = 2
    c: dataclasses.InitVar[str] = "c"
    d: Nothing | None = None


@functools.singledispatch
def _shape(value, /):
    return "any"


@_shape.register
def _(value: int):
    return "int"


def fields_of_texts():
    return [each.name for each in dataclasses.fields(Postponed)], [each.type for each in dataclasses.fields(Postponed)]


def signature_of_texts():
    return str(inspect.signature(Postponed)), str(inspect.signature(local_names))


def hints_of_texts():
    try:
        return str(typing.get_type_hints(Postponed))
    except NameError as error:
        return str(error)


def local_names(*args: int, **kw: str) -> list[Nothing]:
    return {name: str(value) for name, value in local_names.__annotations__.items()}


def dispatch_on_texts():
    return _shape(3), _shape("x")


def evaluated_signature():
    def f(a: int, b: list[str] = ()) -> dict[str, int]: ...

    return str(inspect.signature(f, eval_str=True)), f.__annotations__


def nested_quotes():
    def f(a: "int", b: typing.Literal["x"], c: lambda: 1, d: 1 if True else 2, e: f"{1}", g: {"k": [1, *()]}): ...

    return f.__annotations__


def class_annotations_in_function():
    class C:
        x: int
        y: unknown.name = 3

    return C.__annotations__


def walrus_annotation():
    def f(a: typing.Annotated[int, 1 + 2], b: not None, c: -1, d: (1, 2), e: x[1:2, ...]): ...

    return list(f.__annotations__.values())
