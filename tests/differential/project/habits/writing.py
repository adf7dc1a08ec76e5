"""Files that are written by relative paths, beside those of the project."""

import os
import pathlib
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage


@contextmanager
def _gone_afterwards(*paths):
    try:
        yield
    finally:
        for path in paths:
            shutil.rmtree(path) if os.path.isdir(path) else os.path.lexists(path) and os.remove(path)


def appended():
    """A file of the project goes on. What was in it is still there."""
    before = open("habits/zoo/animals.txt").read()
    try:
        with open("habits/zoo/animals.txt", "a") as file:
            file.write("newt\n")
        return open("habits/zoo/animals.txt").read()
    finally:
        open("habits/zoo/animals.txt", "w").write(before)


def changed_in_place():
    with open("habits/zoo/counter.txt", "r+") as file:
        text = file.read()
        file.seek(0)
        file.write("9")
    changed = open("habits/zoo/counter.txt").read()
    with open("habits/zoo/counter.txt", "r+") as file:
        file.write("1")
    return text, changed


def opened_for_all():
    with open("habits/zoo/counter.txt", "a+") as file:
        file.seek(0)
        return file.read()


def exclusive():
    try:
        open("habits/zoo/counter.txt", "x").close()
    except FileExistsError as error:
        return error.errno


def read_from_an_absolute_path():
    path = os.path.abspath("habits/beside/new.txt")
    with _gone_afterwards(path):
        with open(path, "w") as file:
            file.write("absolute")
        return open("habits/beside/new.txt").read()


def folder_of_an_absolute_path():
    path = pathlib.Path("habits/beside/made/below").absolute()
    with _gone_afterwards("habits/beside/made"):
        path.mkdir(parents=True)
        (path / "new.txt").write_text("below")
        return sorted(os.listdir("habits/beside/made/below"))


def temporary_beside():
    with tempfile.NamedTemporaryFile("w", dir="habits/beside", suffix=".txt") as file:
        file.write("temporary")
        file.flush()
        return pathlib.Path(file.name).parent.name, os.path.exists(file.name), open(file.name).read()


def replaced_at_once():
    """Write another file, and then rename it."""
    with _gone_afterwards("habits/beside/done.txt", "/tmp/habits-partial.txt"):
        pathlib.Path("/tmp/habits-partial.txt").write_text("done")
        os.chmod("/tmp/habits-partial.txt", 0o644)
        shutil.move("/tmp/habits-partial.txt", "habits/beside/done.txt")
        return pathlib.Path("habits/beside/done.txt").read_text()


def renamed_beside():
    with _gone_afterwards("habits/beside/b.txt"):
        pathlib.Path("habits/beside/a.txt").write_text("renamed")
        os.replace("habits/beside/a.txt", "habits/beside/b.txt")
        return sorted(name for name in os.listdir("habits/beside") if name in ("a.txt", "b.txt"))


def storage():
    with _gone_afterwards("habits/beside/uploads"):
        store = FileSystemStorage(location="habits/beside/uploads")
        name = store.save("a/b.txt", ContentFile(b"stored"))
        return name, store.open(name).read().decode(), store.exists(name), store.listdir("a")


def storage_with_files_of_the_project():
    store = FileSystemStorage(location="cases/data")
    return (
        store.exists("prices.csv"),
        store.open("prices.csv").read().decode(),
        store.size("prices.csv"),
        sorted(store.listdir("")[1]),
    )


def new_database():
    with _gone_afterwards("habits/beside/new.sqlite3"):
        with closing(sqlite3.connect("habits/beside/new.sqlite3")) as database:
            database.execute("CREATE TABLE t(a)")
            database.commit()
        return os.path.exists("habits/beside/new.sqlite3"), os.path.getsize("habits/beside/new.sqlite3") > 0


def link_beside():
    with _gone_afterwards("habits/beside/link"):
        os.symlink("../../cases/data/prices.csv", "habits/beside/link")
        return os.readlink("habits/beside/link"), open("habits/beside/link").read()


def list_after_a_new_file():
    """The files of the project in a folder are still listed when another file was written there."""
    with _gone_afterwards("habits/beside/newer.txt"):
        pathlib.Path("habits/beside/newer.txt").write_text("x")
        return sorted(name for name in os.listdir("habits/beside") if not name.startswith("__"))


def hard_link_beside():
    with _gone_afterwards("habits/beside/hard"):
        os.link("cases/data/prices.csv", "habits/beside/hard")
        return open("habits/beside/hard").read()


def executable_written():
    with _gone_afterwards("habits/beside/run.sh"):
        path = pathlib.Path("habits/beside/run.sh")
        path.write_text("#!/bin/sh\necho ran $1\n")
        path.chmod(0o755)
        return os.popen("habits/beside/run.sh well").read()


def folder_stays_a_folder():
    with _gone_afterwards("habits/beside/deep"):
        os.makedirs("habits/beside/deep/er", exist_ok=True)
        os.rmdir("habits/beside/deep/er")
        return os.path.isdir("habits/beside/deep"), os.listdir("habits/beside/deep")
