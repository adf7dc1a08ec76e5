import django

from deep import running

if django.VERSION >= (6,):
    from django.tasks import task
else:
    from django_tasks import task


@task
def run_kinds(names: list[str], place: str) -> dict[str, str]:
    return running.run_all(names, place)


@task
async def run_kinds_in_loop(names: list[str], place: str) -> dict[str, str]:
    return running.run_all(names, place)
