"""The schedules that a worker finds declared when it starts. None is due while tests run."""

import datetime

from django.tasks import task

from djbundle.tasks import schedule


@schedule(every=datetime.timedelta(days=365), name="yearly")
@task
def report() -> None: ...
