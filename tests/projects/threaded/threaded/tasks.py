import django

from threaded import background

if django.VERSION >= (6,):
    from django.tasks import task
else:
    from django_tasks import task


@task
def double(number: int) -> int:
    """Have the consumer double the number. It is a thread that was started with the site."""
    background.numbers.put(number)
    return background.doubles.get(timeout=5)


@task
def add(a: int, b: int) -> int:
    return a + b
