"""Files that are read by relative paths, in ways that other cases do not use."""

import codecs
import configparser
import csv
import fileinput
import gettext
import glob
import linecache
import mmap
import os
import pathlib
import shutil
import sqlite3
import tarfile
import tempfile
import zipfile
from contextlib import closing, contextmanager

PRICES, DATABASE = "cases/data/prices.csv", "cases/data/places.sqlite3"
HERE = pathlib.Path(__file__).parent


@contextmanager
def _opened(path, flags=os.O_RDONLY):
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def name_in_bytes():
    return open(PRICES.encode()).read(), sorted(os.listdir(b"cases/data"))[0].decode(), os.path.getsize(PRICES.encode())


def below_an_open_folder():
    with _opened("cases") as folder:
        with _opened(folder if folder < 0 else "cases/data", os.O_RDONLY | os.O_DIRECTORY) as data:
            text = os.read(os.open("prices.csv", os.O_RDONLY, dir_fd=data), 99).decode()
            return text, os.stat("data/prices.csv", dir_fd=folder).st_size, sorted(os.listdir(data))


def relative_to_the_working_folder():
    """os.path.relpath makes ../../djb/... of it in a bundle."""
    relative = os.path.relpath(HERE.parent / PRICES)
    return open(relative).read(), os.path.exists(relative), os.path.isdir(os.path.relpath(HERE))


def relative_listed():
    relative = os.path.relpath(HERE.parent / "cases" / "data")
    return sorted(os.listdir(relative)), sorted(os.path.basename(each) for each in glob.glob(f"{relative}/*.csv"))


def dots_in_between():
    return open("cases/data/../data/./prices.csv").read(), open("./cases//data///prices.csv").read()


def star_for_a_folder():
    return sorted(glob.glob("cases/*/prices.csv")), sorted(map(str, pathlib.Path("cases").glob("*/*.csv")))


def star_at_the_start():
    return sorted(glob.glob("*/data/prices.csv"))


def found_from_here():
    return sorted(map(str, pathlib.Path().glob("cases/data/*.csv"))), sorted(glob.glob("data/*.csv", root_dir="cases"))


def database_by_name():
    with closing(sqlite3.connect(DATABASE)) as database:
        return database.execute("SELECT count(*) FROM places").fetchone()


def database_by_uri():
    with closing(sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)) as database:
        return database.execute("SELECT count(*) FROM places").fetchone()


def database_for_writing():
    """It is copied first, so that the project stays as it is."""
    shutil.copy(DATABASE, "cases/data/copied.sqlite3")
    try:
        with closing(sqlite3.connect("cases/data/copied.sqlite3")) as database:
            database.execute("DELETE FROM places")
            database.commit()
            return database.execute("SELECT count(*) FROM places").fetchone()
    finally:
        os.remove("cases/data/copied.sqlite3")


def archives():
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(f"{folder}/a.zip", "w") as archive:
            archive.write(PRICES)
            names = archive.namelist()
        with tarfile.open(f"{folder}/a.tar", "w") as archive:
            archive.add("cases/data")
            names += sorted(archive.getnames())
        shutil.make_archive(f"{folder}/made", "zip", "cases/data")
        return names, sorted(zipfile.ZipFile(f"{folder}/made.zip").namelist())


def copies():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy2(PRICES, folder)
        shutil.copytree("cases/data/deep", f"{folder}/deep")
        return sorted(os.listdir(folder)), open(f"{folder}/prices.csv").read()


def readers():
    parser = configparser.ConfigParser()
    with open(PRICES, newline="") as file:
        rows = [*csv.reader(file)]
    with fileinput.input([PRICES]) as lines:
        first = next(iter(lines))
    return parser.read([PRICES + ".none"]), rows, first, codecs.open(PRICES, encoding="utf-8").read()


def line_of_a_file():
    linecache.clearcache()
    return linecache.getline("cases/paths.py", 1), linecache.getline("tools/job.py", 1)


def mapped():
    with open(PRICES, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data[:5].decode()


def file_system_of_it():
    return (
        os.statvfs("cases/data").f_bsize > 0,
        os.path.ismount("cases"),
        os.listxattr(PRICES),
        os.pathconf("cases", "PC_NAME_MAX"),
    )


def same_file():
    return os.path.samefile(PRICES, HERE.parent / PRICES), os.path.samefile("manage.py", "cases/../manage.py")


def translations():
    return gettext.find("django", "locale", ["de"]), gettext.translation("django", "locale", ["de"]).charset()


def working_folder_of_a_block():
    import contextlib

    with contextlib.chdir("cases/data"):
        inside = open("prices.csv").read(), os.path.exists("../data/prices.csv"), open("../../manage.py").readline()
    return inside, open(PRICES).read()


def real_names():
    return (
        os.path.realpath(PRICES) == os.path.join(os.getcwd(), PRICES) or os.path.realpath(PRICES),
        os.path.exists(os.path.realpath(PRICES)),
        pathlib.Path(PRICES).absolute().exists(),
        pathlib.Path(PRICES).resolve(strict=True).name,
    )
