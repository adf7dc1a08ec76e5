"""The task that is measured."""

from django.tasks import task


@task
def nothing(number: int) -> None:
    """Do nothing."""
