"""The base class of djbundle's errors."""

from typing import ClassVar


class DjbundleError(Exception):
    """A mistake or an obstacle that the user can fix; shown without a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.fix = fix

    def __str__(self) -> str:
        return f"error: {self.cause}\n  fix: {self.fix}"
