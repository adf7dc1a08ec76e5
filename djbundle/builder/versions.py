"""The versions of Python, Django and other packages that a bundle can carry."""

import re
import sys

from djbundle.builder.private_apis import check_private_apis
from djbundle.builder.project.installed import distribution
from djbundle.errors import UnsupportedVersionError

MIN_DJANGO, DJANGO_LIMIT = (5, 2), (7, 0)
MIN_PYTHON = (3, 12)


def check_versions() -> None:
    """Refuse a Python or Django version that a bundle cannot carry, before any work is done."""
    if sys.version_info < MIN_PYTHON:
        raise UnsupportedVersionError(f"Python {sys.version.split()[0]} is too old", "build with Python 3.12 or later")
    django = distribution("django").version
    if not MIN_DJANGO <= tuple(map(int, re.findall(r"\d+", django)[:2])) < DJANGO_LIMIT:
        raise UnsupportedVersionError(
            f"Django {django} is not supported", 'install another:  pip install "django>=5.2,<7"'
        )
    check_private_apis()
