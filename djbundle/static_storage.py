"""Hashed names for static files, in place of Django's default storage, which has none: so as patient as that one.

Django's own refuses a style sheet that names a file which is not there, and a page that does. With the default storage
such a project works, but for a file that is answered 404.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.exceptions import SuspiciousFileOperation


class HashedStorage(ManifestStaticFilesStorage):
    """What cannot have a hashed name keeps its own."""

    missing: ClassVar[set[str]] = set()  # what style sheets name, as ``collectstatic`` has seen

    def stored_name(self, name: str) -> str:
        """Of what a page names, or a module while it is imported, which may be before the files are collected."""
        try:
            return super().stored_name(name)
        except ValueError:
            return name

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        """Of what a style sheet names."""
        try:
            return super().hashed_name(name, content, filename)
        except (ValueError, SuspiciousFileOperation):
            self.missing.add(name)
            return name

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """All but the style sheets that are not UTF-8."""
        for each in super().post_process(paths, dry_run=dry_run, **options):
            if not isinstance(each[2], UnicodeDecodeError):
                yield each
