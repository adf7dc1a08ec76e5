"""Compares a field before and after a migration: may code that knows the old one still write to the new one?"""

import math
from collections.abc import Callable
from typing import NamedTuple

from django.db.models import Field, GeneratedField, ManyToManyField

# Each type may become one further right, and everything that could be written before can be written still.
WIDENING = (
    ("SmallIntegerField", "IntegerField", "BigIntegerField"),
    ("PositiveSmallIntegerField", "PositiveIntegerField", "PositiveBigIntegerField", "BigIntegerField"),
    ("PositiveSmallIntegerField", "SmallIntegerField", "IntegerField", "BigIntegerField"),
    ("PositiveIntegerField", "IntegerField", "BigIntegerField"),
    ("SmallAutoField", "AutoField", "BigAutoField"),
    ("IPAddressField", "GenericIPAddressField"),
    ("CharField", "TextField"),
)
VARCHAR = ("CharField", "SlugField", "FileField", "FilePathField", "URLField", "EmailField")  # one type in databases

type AnyField = "Field[object, object]"


class Reason(NamedTuple):
    """The reason why code of the previous version cannot work with a change."""

    text: str
    is_certain: bool = True  # False: it depends on the code


def has_column(field: AnyField) -> bool:
    return not isinstance(field, ManyToManyField)


def needs_value(field: AnyField) -> bool:
    """Return whether an INSERT that does not name this field fails."""
    if not has_column(field) or isinstance(field, GeneratedField) or field.primary_key:
        return False
    return not field.null and not field.has_db_default()


def reason_of_alteration(old: AnyField, new: AnyField) -> Reason | None:
    """Return why code that knows the field as `old` cannot write to it as `new`; None if it can."""
    if has_column(old) != has_column(new) or _target(old) != _target(new):
        return Reason("changes the relation")
    if not has_column(old):
        return None
    return next((reason for is_narrower, reason in CHECKS if is_narrower(old, new)), None)


def _is_renamed(old: AnyField, new: AnyField) -> bool:
    return _column(old) != _column(new)


def _has_other_type(old: AnyField, new: AnyField) -> bool:
    before, after = _type(old), _type(new)
    is_wider = any(before in row and after in row and row.index(before) < row.index(after) for row in WIDENING)
    return before != after and not is_wider


def _is_required(old: AnyField, new: AnyField) -> bool:
    return old.null and not new.null


def _lost_default(old: AnyField, new: AnyField) -> bool:
    return old.has_db_default() and needs_value(new)


def _is_shorter(old: AnyField, new: AnyField) -> bool:
    """Return whether a text or a number that fitted into `old` may not fit into `new`."""
    if _type(new) == "DecimalField":
        return _decimals(new)[0] < _decimals(old)[0] or _decimals(new)[1] < _decimals(old)[1]
    return _type(new) == "CharField" and (new.max_length or math.inf) < (old.max_length or math.inf)


def _is_unique(old: AnyField, new: AnyField) -> bool:
    return new.unique and not old.unique


CHECKS: tuple[tuple[Callable[[AnyField, AnyField], bool], Reason], ...] = (
    (_is_renamed, Reason("renames the column of")),
    (_has_other_type, Reason("changes the type of")),
    (_is_required, Reason("takes null=True from")),
    (_lost_default, Reason("takes db_default from")),
    (_is_shorter, Reason("takes room from")),
    (_is_unique, Reason("requires unique values in", is_certain=False)),
)


def _target(field: AnyField) -> str:
    """Return the model that a relation leads to. It is a text in a migration, or a class."""
    remote = field.remote_field and field.remote_field.model
    label = remote if isinstance(remote, str) else getattr(getattr(remote, "_meta", None), "label", "")
    return str(label).lower()


def _column(field: AnyField) -> str:
    """Return the name of the column, as far as its options decide it. The rest of the name cannot change."""
    return field.db_column or ("id of" if field.remote_field else "")


def _type(field: AnyField) -> str:
    name = field.get_internal_type()
    return "CharField" if name in VARCHAR else name


def _decimals(field: AnyField) -> tuple[float, float]:
    """Return how many digits fit before and after the point; infinity without a limit."""
    digits, places = getattr(field, "max_digits", None), getattr(field, "decimal_places", None)
    if digits is None or places is None:
        return math.inf, math.inf
    return digits - places, places
