"""The versions of Python, Django and other packages that a bundle can carry."""

import re

from djbundle.builder.private_apis import check_private_apis
from djbundle.builder.project.installed import distribution
from djbundle.builder.project.python_version import check_python
from djbundle.errors import UnsupportedVersionError

MIN_DJANGO, DJANGO_LIMIT = (5, 2), (7, 0)


def check_versions() -> None:
    """Refuse a Python or Django version that a bundle cannot carry, before any work is done."""
    check_python()
    django = distribution("django").version
    if not MIN_DJANGO <= tuple(map(int, re.findall(r"\d+", django)[:2])) < DJANGO_LIMIT:
        raise UnsupportedVersionError(
            f"Django {django} is not supported", 'install another:  pip install "django>=5.2,<7"'
        )
    check_private_apis()
