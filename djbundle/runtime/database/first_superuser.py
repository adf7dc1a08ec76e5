"""Makes the first superuser of a new site, for starts without a person: from Django's variables for createsuperuser.

``DJANGO_SUPERUSER_PASSWORD`` may also be ``DJANGO_SUPERUSER_PASSWORD_FILE``, as a container's secrets are files.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.core.management import call_command

from djbundle.common.database_connections import close_connections
from djbundle.runtime.logs.formats import error_line
from djbundle.runtime.logs.lines import log

PASSWORD = "DJANGO_SUPERUSER_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORD_FILE = f"{PASSWORD}_FILE"
MAX_PASSWORD = 4096  # bytes of the file that are read


def make_first_superuser() -> None:
    """Make a superuser if the variables name one and the site has none. A failure is logged: the site serves anyway.

    Leaves no connection open, since none may cross a fork.
    """
    if not os.environ.keys() & {PASSWORD, PASSWORD_FILE} or not apps.is_installed("django.contrib.auth"):
        return
    try:
        with password_from_file():
            make_unless_there_is_one()
    except Exception as error:
        fix = "see the variables DJANGO_SUPERUSER_*"
        log(f"the first superuser cannot be made: {error_line(error)}; fix: {fix}", "error")
    finally:
        close_connections()


def make_unless_there_is_one() -> None:
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - where the project has users

    model = get_user_model()
    if model._default_manager.filter(is_superuser=True).exists():
        return
    call_command("createsuperuser", interactive=False, verbosity=0)
    user = model._default_manager.filter(is_superuser=True).first()
    log(f"made the first superuser, {user.get_username() if user else ''}")


@contextlib.contextmanager
def password_from_file() -> Iterator[None]:
    """Set the variable of the password in the block, if a file has it."""
    if PASSWORD in os.environ or PASSWORD_FILE not in os.environ:
        yield
        return
    with Path(os.environ[PASSWORD_FILE]).open("rb") as file:
        os.environ[PASSWORD] = file.read(MAX_PASSWORD).decode().removesuffix("\n").removesuffix("\r")
    try:
        yield
    finally:
        del os.environ[PASSWORD]
