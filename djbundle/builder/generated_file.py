"""A file that ``djbundle init`` writes."""

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A path relative to the project, and the text of the file."""

    path: PurePath
    text: str
    appends: bool = False  # the text goes after the file's current content
    may_stay: bool = False  # if it is there already, it stays as it is, without --force
