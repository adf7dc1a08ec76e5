"""Give the bytecode of a module the same bytes, whatever the process had loaded that compiled it.

Python interns names while it compiles. Where another module has the same name already, its object takes the place of
the own one. A set of constants is then copied for each function that has it, and the name of a nested class is written
twice. So an import and ``compileall`` may write different bytecode of the same source.
"""

import marshal
import sys
from collections.abc import Hashable, Iterable, Iterator
from types import CodeType

from djbundle.builder.contents.columns import without_columns


def uniform_bytecode(data: bytes, *, keeps_columns: bool) -> bytes:
    """Return marshalled code in the form that depends on nothing but its source.

    No other object may refer to the code meanwhile: marshal writes what is referred to once in another way.
    """
    code = marshal.loads(data)  # noqa: S302 - what Python itself would import
    if not keeps_columns:
        code = without_columns(code)
    code = _Sharing(code).code_of(code)
    return marshal.dumps(code)


def _class_names(code: CodeType) -> Iterator[str]:
    """Yield the name of each class: its body has it as a constant."""
    if code.co_qualname in code.co_consts:
        yield code.co_qualname
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _class_names(constant)


class _Sharing:
    """Has one object for all equal sets of a module, and for all equal names of its classes."""

    def __init__(self, module: CodeType) -> None:
        self._names = {*_class_names(module)}
        self._objects: dict[Hashable, object] = {}

    def code_of(self, code: CodeType) -> CodeType:
        """Return the code with shared constants, or the same code if it has none."""
        name = code.co_qualname
        constants = [self._shared(constant) for constant in code.co_consts]
        if name in self._names:  # Python 3.12 does not intern it
            name = sys.intern(name)
        elif all(shared is None for shared in constants):
            return code
        pairs = zip(code.co_consts, constants, strict=True)
        shared_or_old = tuple(old if shared is None else shared for old, shared in pairs)
        return code.replace(co_consts=shared_or_old, co_qualname=name)

    def _shared(self, constant: object) -> object:
        """Return what takes the place of a constant, or None if it stays."""
        if isinstance(constant, CodeType):
            shared = self.code_of(constant)
            return None if shared is constant else shared
        if isinstance(constant, str):
            return sys.intern(constant) if constant in self._names else None
        if isinstance(constant, tuple):
            members = [self._shared(member) for member in constant]
            if all(shared is None for shared in members):
                return None
            pairs = zip(constant, members, strict=True)
            constant = tuple(old if shared is None else shared for old, shared in pairs)
        elif not isinstance(constant, frozenset):
            return None
        return self._objects.setdefault(_key(constant), constant)


def _key(constant: Iterable[object]) -> Hashable:
    """Return what is equal for equal constants only: 1 and True are equal, and not the same."""
    members = map(repr, constant)
    return tuple(members) if isinstance(constant, tuple) else frozenset(members)
