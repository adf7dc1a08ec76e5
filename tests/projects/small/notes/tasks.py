import django

from notes.models import Note

if django.VERSION >= (6,):
    from django.tasks import task
else:
    from django_tasks import task


@task
def write_note(text: str) -> int:
    return Note.objects.create(text=text).pk


@task
def say(text: str) -> None:
    print(text)
