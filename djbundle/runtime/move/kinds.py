"""Converts the values of each type of column between SQLite and the text that PostgreSQL takes and gives.

Django keeps in SQLite, for example, a UUID as 32 digits and a duration as microseconds. A `ColumnKind` converts these.
"""

import datetime
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

ToText = Callable[[Any], str]
SQLITE_DIGITS = Context(prec=15)  # as Django reads numbers that SQLite keeps as floats
EXACT = Context(prec=2000)  # more digits than a numeric column holds
TYPE_MODIFIER_HEADER = 4  # PostgreSQL adds it to lengths and precisions


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """The conversions of one type."""

    name: str  # of the type in PostgreSQL
    to_text: ToText  # from a value of SQLite
    expression: str = "{}::text"  # the SQL by which PostgreSQL gives the same text
    canonical: ToText | None = None  # makes equal values equal texts; None if they are already
    from_text: Callable[[str], Any] = str  # to a value of SQLite


def text_of(value: Any) -> str:
    """Return the text. Raise ValueError for another type, and for NUL, which PostgreSQL cannot hold."""
    if not isinstance(value, str):
        if isinstance(value, bytes):
            raise ValueError("bytes in a column of text")
        return str(value)
    if "\0" in value:
        raise ValueError("a NUL character")
    return value


def integer_of(value: Any) -> str:
    if type(value) is not int:
        raise ValueError("no whole number")
    return str(value)


def boolean_of(value: Any) -> str:
    try:
        return {0: "f", 1: "t"}[value]
    except (KeyError, TypeError):
        raise ValueError("neither 0 nor 1") from None


def float_of(value: Any) -> str:
    if not isinstance(value, int | float):
        raise ValueError("no number")
    return repr(float(value))


def bytes_of(value: Any) -> str:
    return "\\x" + (value.encode() if isinstance(value, str) else bytes(value)).hex()


def uuid_of(value: Any) -> str:
    digits = text_of(value).replace("-", "").lower()
    if len(digits) != 32 or not set(digits) <= set("0123456789abcdef"):
        raise ValueError("no UUID")
    return digits


def moment_of(value: Any) -> str:
    """Return "2026-11-30 05:00:00.000000"; the zone is that of the connection, in both databases."""
    text = text_of(value)
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return moment.isoformat(" ", "microseconds")


def date_of(value: Any) -> str:
    return datetime.date.fromisoformat(text_of(value)[:10]).isoformat()


def time_of(value: Any) -> str:
    return datetime.time.fromisoformat(text_of(value)).isoformat("microseconds")


def duration_of(value: Any) -> str:
    return f"{integer_of(value)} microseconds"


def json_of(value: Any) -> str:
    text = text_of(value)
    json_canonical(text)
    if "\\u0000" in text:
        raise ValueError("a NUL character in JSON")
    return text


def json_canonical(text: str) -> str:
    """Return one text for equal values: PostgreSQL sorts names, and writes 1e2 as 100."""
    value = json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_refuse)
    return json.dumps(value, sort_keys=True)


def _number(text: str) -> list[str]:
    return ["number", normal(text)]


def normal(text: str) -> str:
    """Return one text for equal decimal numbers."""
    number = Decimal(text)
    return format(number.normalize(EXACT), "f") if number else "0"


def _refuse(text: str) -> str:
    raise ValueError(f"{text} in JSON")


def decimal_kind(modifier: int) -> ColumnKind:
    """Return the kind of a numeric column with this precision and scale."""
    quantum = None if modifier < 0 else Decimal(1).scaleb(-((modifier - TYPE_MODIFIER_HEADER) & 0xFFFF))

    def to_text(value: Any) -> str:
        if isinstance(value, bytes) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError("no decimal number")
        number = SQLITE_DIGITS.create_decimal_from_float(value) if isinstance(value, float) else _decimal(value)
        return format(number if quantum is None else number.quantize(quantum, context=EXACT), "f")

    return ColumnKind("numeric", to_text, canonical=normal)


def _decimal(value: Any) -> Decimal:
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise ValueError("no decimal number") from None
    if not number.is_finite():
        raise ValueError("no decimal number")
    return number


MOMENT = "to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')"
INTEGER = {name: ColumnKind(name, integer_of, from_text=int) for name in ("int2", "int4", "int8", "oid")}
KINDS = INTEGER | {
    "bool": ColumnKind(
        "bool", boolean_of, "CASE {} WHEN true THEN 't' WHEN false THEN 'f' END", None, lambda text: text == "t"
    ),
    "float4": ColumnKind("float4", float_of, canonical=lambda text: repr(float(text)), from_text=float),
    "float8": ColumnKind("float8", float_of, canonical=lambda text: repr(float(text)), from_text=float),
    "bytea": ColumnKind("bytea", bytes_of, from_text=lambda text: bytes.fromhex(text[2:])),
    "uuid": ColumnKind("uuid", uuid_of, "replace({}::text, '-', '')"),
    "timestamptz": ColumnKind(
        "timestamptz", moment_of, MOMENT, None, lambda text: str(datetime.datetime.fromisoformat(text))
    ),
    "timestamp": ColumnKind(
        "timestamp", moment_of, MOMENT, None, lambda text: str(datetime.datetime.fromisoformat(text))
    ),
    "date": ColumnKind("date", date_of),
    "time": ColumnKind(
        "time", time_of, "to_char({}, 'HH24:MI:SS.US')", None, lambda text: str(datetime.time.fromisoformat(text))
    ),
    "interval": ColumnKind(
        "interval",
        duration_of,
        "(extract(epoch FROM {}) * 1000000)::bigint::text || ' microseconds'",
        None,
        lambda text: int(text.split()[0]),
    ),
    "json": ColumnKind("json", json_of, canonical=json_canonical),
    "jsonb": ColumnKind("jsonb", json_of, canonical=json_canonical),
    "inet": ColumnKind("inet", text_of, "host({})"),
    **{name: ColumnKind(name, text_of) for name in ("varchar", "text", "bpchar", "citext", "name")},
}


def kind_of(type_name: str, type_kind: str, modifier: int) -> ColumnKind:
    """Return the kind of a type. Values of types that are not known cross as text, if `type_kind` is an enumeration."""
    if type_name == "numeric":
        return decimal_kind(modifier)
    if type_kind == "e":
        return ColumnKind(type_name, text_of)
    return KINDS.get(type_name, ColumnKind(type_name, _unknown))


def _unknown(_value: Any) -> str:
    raise ValueError("a type of column that `move` does not know")
