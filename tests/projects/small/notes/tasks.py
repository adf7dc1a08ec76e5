import socket
import time
from pathlib import Path

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


@task
def hold(folder: str, number: int) -> str:
    """Tell that it begins here, wait until tasks may end on this host, and return its name."""
    host = socket.gethostname()
    with Path(folder, "begun").open("a") as file:
        file.write(f"{number} {host}\n")
    while not Path(folder, f"go-{host}").exists():
        time.sleep(0.02)
    return host
