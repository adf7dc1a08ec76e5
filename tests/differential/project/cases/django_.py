"""The project's logging, its database engine, and a helper that lies among its tests."""

import logging

from django.conf import settings
from django.db import connection

from cases.tests.base import HELPER


def helper_of_tests():
    return HELPER


def handler_by_name():
    return type(logging.getHandlerByName("memory")).__name__


def handler_keeps_records():
    handler = logging.getHandlerByName("memory")
    logging.getLogger("shop").error("first")
    return [record.getMessage() for record in handler.buffer if record.name == "shop"]


def engine_is_sqlite():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone(), connection.vendor, type(connection).__module__


def empty_mailers():
    return settings.MAILERS


def logger_levels():
    return {name: logging.getLogger(name).getEffectiveLevel() for name in ("shop", "django", "other")}
