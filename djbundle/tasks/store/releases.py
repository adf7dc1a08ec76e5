"""The version of the project's code that a process runs, and the newer ones that have run a worker recently.

During a rolling deploy, workers with old and new code run side by side, and old ones may be restarted. Versions have no
order of their own, so the one that was first seen last is the newest.
"""

import datetime
import hashlib
import os
from functools import cache
from pathlib import Path

from django.apps import apps
from django.db import IntegrityError, models, router, transaction
from django.utils import timezone

from djbundle.contract import variables
from djbundle.tasks import options
from djbundle.tasks.models import Release

MAX_NAME_LENGTH = 200
STALE_AFTER = datetime.timedelta(minutes=5)  # gap without a worker of the newer version, for example while it restarts
RETENTION = datetime.timedelta(days=90)


@cache
def name() -> str:
    """Return the name of the version that this process runs.

    It is ``OPTIONS["VERSION"]`` of TASKS, else the version of the bundle, else a hash of the project's task modules.
    """
    version = options.option("VERSION", None) or os.environ.get(variables.RELEASE)
    return str(version)[:MAX_NAME_LENGTH] if version else _fingerprint()


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for app in apps.get_app_configs():
        for path in _modules_of_tasks(Path(app.path)):
            digest.update(f"{app.name} {path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _modules_of_tasks(folder: Path) -> list[Path]:
    paths = [folder / "tasks.py", *sorted((folder / "tasks").glob("*.py"))]
    return [path for path in paths if path.is_file()]


def record_seen() -> None:
    """Write that a worker of this version is alive."""
    now = timezone.now()
    if not _rows().filter(pk=name()).update(seen_at=now):
        try:
            with transaction.atomic(using=_rows().db):
                _rows().create(name=name(), first_seen_at=now, seen_at=now)
        except IntegrityError:
            return  # another worker was faster
        _rows().filter(seen_at__lt=now - RETENTION).delete()


def newer() -> Release | None:
    """Return the newest version after this one that has had a live worker recently."""
    since = timezone.now() - max(STALE_AFTER, options.lease())  # each writes three times in a lease
    recent = _rows().filter(seen_at__gt=since).order_by("first_seen_at")
    if own := _rows().filter(pk=name()).first():
        return recent.filter(first_seen_at__gt=own.first_seen_at).last()
    return None  # this version was never seen, so none came later


def _rows() -> models.QuerySet[Release]:
    return Release.objects.using(router.db_for_write(Release))
