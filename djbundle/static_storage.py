"""Hashed names for static files. This replaces Django's default storage, which does not hash, and is as tolerant.

Django's own hashing storage refuses a style sheet or a page that names a missing file. With the default storage such a
project works, except that the file is answered with 404.
"""

from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import quote

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.exceptions import SuspiciousFileOperation

SAFE_IN_URLS = "/~!*()':?#&=;,@+$[]"


class HashedStorage(ManifestStaticFilesStorage):
    """A file that cannot have a hashed name keeps its own name."""

    missing: ClassVar[set[str]] = set()  # names in style sheets that ``collectstatic`` did not find

    def stored_name(self, name: str) -> str:
        """Return the hashed name of a file that a page names.

        A module may also ask for it while it is imported, before the files are collected.
        """
        try:
            return super().stored_name(name)
        except ValueError:
            return name

    def url(self, name: str | None, force: bool = False) -> str:
        """Return the URL of a file, quoted as that of the default storage."""
        return quote(super().url(name or "", force), SAFE_IN_URLS)

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        """Return the hashed name of a file that a style sheet names."""
        try:
            return super().hashed_name(name, content, filename)
        except (ValueError, SuspiciousFileOperation):
            self.missing.add(name)
            return name

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Yield the result for each file, except for style sheets that are not UTF-8."""
        for each in super().post_process(paths, dry_run=dry_run, **options):
            if not isinstance(each[2], UnicodeDecodeError):
                yield each
