import threading

from django.tasks import task


@task
def names_of_threads() -> list[str]:
    return [each.name for each in threading.enumerate()]
