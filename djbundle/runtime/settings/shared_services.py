"""Asks the services that variables name before a site serves, so that an error shows before the first request."""

import contextlib
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.core.files.storage import storages
from django.db.backends.base.base import BaseDatabaseWrapper

from djbundle.common import service_variables
from djbundle.errors import ServiceUnreachableError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.database.migrations import open_connections, used_databases
from djbundle.runtime.logs.formats import error_line
from djbundle.runtime.logs.lines import log
from djbundle.runtime.settings import services
from djbundle.runtime.settings.services import ServiceVariable

TIMEOUT = 10  # seconds for an object store to answer
NO_TIME_ZONES = (
    'the database "{}" does not know the time zone {}, so pages with dates fail, such as lists of the admin; on its '
    "server:  mariadb-tzinfo-to-sql /usr/share/zoneinfo | mariadb mysql"
)
NOT_ASKED = "AccessDenied"  # the code of S3 for keys that are right, and may read and write but not list


def ask_shared_services(bundle: Bundle) -> None:
    """Raise ServiceUnreachableError if a service that a variable names does not answer as it should.

    Leaves no connection open, since none may cross a fork.
    """
    _ask_databases(services.find(bundle, service_variables.DATABASE, used_databases()))
    for variable in services.find(bundle, service_variables.CACHE, settings.CACHES):
        with _explained(f'the cache "{variable.alias}"', variable.name):
            caches[variable.alias].get("djbundle")
            caches[variable.alias].close()
    stores = [alias for alias in settings.STORAGES if alias != "staticfiles"]
    for variable in services.find(bundle, service_variables.MEDIA, stores):
        with _explained(f'the store of uploads "{variable.alias}"', variable.name):
            _ask_store(settings.STORAGES[variable.alias])


def _ask_databases(variables: list[ServiceVariable]) -> None:
    with open_connections() as connection_of:
        for variable in variables:
            connection = connection_of(variable.alias)
            connection.ensure_connection()
            _warn_without_time_zones(connection)


def _warn_without_time_zones(connection: BaseDatabaseWrapper) -> None:
    """Log that pages which group by dates will fail. MySQL and MariaDB know only zones that were loaded."""
    is_converted = settings.USE_TZ and connection.timezone_name != settings.TIME_ZONE
    if is_converted and not connection.features.has_zoneinfo_database:
        log(NO_TIME_ZONES.format(connection.alias, settings.TIME_ZONE), "warning")


@contextlib.contextmanager
def _explained(service: str, variable: str) -> Any:
    try:
        yield
    except Exception as error:  # each client has its own errors
        raise ServiceUnreachableError(
            f"{service} does not answer: {error_line(error)}", f"start it, or correct {variable}"
        ) from error


def _ask_store(entry: dict[str, Any]) -> None:
    """List one file of the bucket, with a client of its own: its connections must not be there after a fork."""
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import ClientError  # noqa: PLC0415

    options = entry["OPTIONS"]
    patience: dict[str, Any] = {"connect_timeout": TIMEOUT, "read_timeout": TIMEOUT, "retries": {"max_attempts": 0}}
    style = {"addressing_style": options.get("addressing_style")}
    config = Config(s3=style, signature_version=options.get("signature_version"), **patience)
    storage: Any = storages.create_storage(entry | {"OPTIONS": options | {"client_config": config}})
    try:
        storage.bucket.meta.client.list_objects_v2(Bucket=options["bucket_name"], Prefix=storage.location, MaxKeys=1)
    except ClientError as error:
        if error.response["Error"]["Code"] != NOT_ASKED:
            raise
