"""A promise: a function whose name is the sentence that is promised, and how it ended for a backend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from djbundle.tasks.conformance.testbed import Testbed

KEPT, IN_PART, REFUSED, BROKEN = "kept", "kept in part", "refused", "broken"

Check = Callable[["Testbed"], None]


class InPart(Exception):  # noqa: N818 - these three are verdicts
    """The promise is kept, but not always. The text says when it is not."""


class Refused(Exception):  # noqa: N818
    """The backend says clearly that it does not do this."""


class Broken(Exception):  # noqa: N818
    """The backend accepts what is asked of it, and does something else. The text says what."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A sentence about a backend, and the function that checks it."""

    subject: str
    check: Check

    @property
    def name(self) -> str:
        return self.check.__name__

    @property
    def sentence(self) -> str:
        text = self.name.replace("_", " ")
        return text[0].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a promise: one of the four verdicts, and the reason in a line."""

    subject: str
    name: str
    sentence: str
    verdict: str
    reason: str = ""


promises: list[Promise] = []  # in their order; grows as modules are imported


def subject(text: str) -> Callable[[Check], Check]:
    """Return a decorator that adds a function to the promises about this subject."""

    def promise(check: Check) -> Check:
        promises.append(Promise(text, check))
        return check

    return promise


def expect(condition: object, otherwise: str) -> None:
    """Raise Broken, with the text, unless the condition is true."""
    if not condition:
        raise Broken(otherwise)
