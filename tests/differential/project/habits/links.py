"""Symbolic links and hard links to files of the project, and time, and logs."""

import datetime
import email.utils
import logging
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import time
import zoneinfo

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent / "cases" / "data"


def entries_of_a_folder_with_links():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA / "prices.csv", f"{folder}/file")
        os.symlink(DATA, f"{folder}/folder")
        return sorted((each.name, each.is_file(), each.is_dir(), each.is_symlink()) for each in os.scandir(folder))


def walked_over_links():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA, f"{folder}/folder")
        return sorted(name for _, _, names in os.walk(folder, followlinks=True) for name in names)


def globbed_over_links():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA, f"{folder}/folder")
        return sorted(each.name for each in pathlib.Path(folder).glob("*/*.csv"))


def link_to_a_relative_path():
    """The path is made absolute first, as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.abspath("cases/data/prices.csv"), f"{folder}/file")
        return pathlib.Path(f"{folder}/file").read_text()


def link_to_a_link():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA / "prices.csv", f"{folder}/a")
        os.symlink("a", f"{folder}/b")
        return pathlib.Path(f"{folder}/b").read_text(), pathlib.Path(f"{folder}/b").resolve().name


def copied_links():
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/from")
        os.symlink(DATA / "prices.csv", f"{folder}/from/file")
        shutil.copytree(f"{folder}/from", f"{folder}/links", symlinks=True)
        shutil.copytree(f"{folder}/from", f"{folder}/files")
        return (
            os.path.islink(f"{folder}/links/file"),
            os.path.islink(f"{folder}/files/file"),
            os.path.getsize(f"{folder}/files/file"),
        )


def removed_link():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA, f"{folder}/link")
        try:
            shutil.rmtree(f"{folder}/link")
        except OSError as error:
            refused = error.args[0]
        os.unlink(f"{folder}/link")
        return refused, os.listdir(folder), (DATA / "prices.csv").exists()


def renamed_link():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA / "prices.csv", f"{folder}/new")
        os.symlink("/nowhere", f"{folder}/current")
        os.replace(f"{folder}/new", f"{folder}/current")
        return pathlib.Path(f"{folder}/current").read_text(), os.readlink(f"{folder}/current").endswith("prices.csv")


def link_used_by_a_program():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA / "prices.csv", f"{folder}/file")
        return subprocess.run(["cat", f"{folder}/file"], capture_output=True, text=True).stdout


def archived_links():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA / "prices.csv", f"{folder}/file")
        with tarfile.open(f"{folder}/a.tar", "w", dereference=True) as archive:
            archive.add(f"{folder}/file", "file")
            return [(each.name, each.size, each.isfile()) for each in archive.getmembers()]


def hard_link_is_the_same_file():
    with tempfile.TemporaryDirectory(dir=HERE if os.access(HERE, os.W_OK) else None) as folder:
        os.link(DATA / "prices.csv", f"{folder}/linked")
        return os.path.samefile(f"{folder}/linked", DATA / "prices.csv"), os.path.getsize(f"{folder}/linked")


def link_inside_a_link_folder():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA, f"{folder}/link")
        os.chdir_before = os.getcwd()
        os.chdir(f"{folder}/link")
        try:
            return sorted(os.listdir()), os.path.exists("prices.csv"), os.path.basename(os.getcwd())
        finally:
            os.chdir(os.chdir_before)


def status_of_a_link():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA / "prices.csv", f"{folder}/file")
        with open(f"{folder}/file") as file:
            return (
                os.lstat(f"{folder}/file").st_size > 10,
                os.fstat(file.fileno()).st_size,
                os.access(f"{folder}/file", os.R_OK),
            )


def broken_link():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(DATA / "nothing", f"{folder}/file")
        return (
            os.path.exists(f"{folder}/file"),
            os.path.lexists(f"{folder}/file"),
            pathlib.Path(f"{folder}/file").is_symlink(),
        )


def zone_of_sql():
    with sqlite3.connect(":memory:") as database:
        return database.execute("SELECT datetime('2024-07-01 12:00', 'localtime')").fetchone()


def zone_of_mail():
    return email.utils.localtime(datetime.datetime(2024, 7, 1, 12)).isoformat(), email.utils.formatdate(
        0, localtime=True
    )


def zone_of_a_child():
    command = ["date", "-d", "@1719835200", "+%H %Z"]
    return subprocess.run(command, capture_output=True, text=True).stdout, os.environ.get("TZ")


def zone_of_logs():
    record = logging.makeLogRecord({"created": 1719835200.0, "msecs": 0})
    return logging.Formatter().formatTime(record)


def zone_by_hand():
    before = os.environ["TZ"]
    os.environ["TZ"] = "Asia/Kolkata"
    time.tzset()
    try:
        return time.tzname, datetime.datetime.fromtimestamp(0).isoformat(), time.strftime("%z", time.localtime(0))
    finally:
        os.environ["TZ"] = before
        time.tzset()


def zones_known():
    return len(zoneinfo.available_timezones()) > 400, str(zoneinfo.ZoneInfo("Europe/Berlin"))


def folds():
    zone = zoneinfo.ZoneInfo("America/New_York")
    return [datetime.datetime(2024, 11, 3, 1, 30, fold=fold).astimezone().isoformat() for fold in (0, 1)], [
        datetime.datetime(2024, 11, 3, 1, 30, fold=fold, tzinfo=zone).utcoffset().total_seconds() for fold in (0, 1)
    ]


def mktime():
    return time.mktime((2024, 7, 1, 12, 0, 0, 0, 0, -1)), time.localtime(1719835200).tm_isdst


def root_handlers():
    return [type(each).__name__ for each in logging.getLogger().handlers], logging.getLogger().level


def all_handlers():
    return sorted(name for name in logging.getHandlerNames())


def last_resort():
    return logging.lastResort.level, logging.raiseExceptions, logging.getLoggerClass().__name__


def django_loggers():
    names = "django", "django.request", "django.server", "django.security", "django.db.backends", "py.warnings"
    return [
        (name, logging.getLogger(name).level, logging.getLogger(name).propagate, logging.getLogger(name).disabled)
        for name in names
    ]


def handler_of_a_file():
    with tempfile.TemporaryDirectory() as folder:
        handler = logging.FileHandler(f"{folder}/log", mode="w")
        logger = logging.getLogger("habits.file")
        logger.addHandler(handler)
        logger.propagate = False
        logger.error("one")
        logger.removeHandler(handler)
        handler.close()
        return pathlib.Path(f"{folder}/log").read_text()


def lock_between_processes():
    """A program that is to run once locks its own source."""
    import fcntl
    import sys

    code = (
        "import fcntl, sys\nfile = open(sys.argv[1])\n"
        "try: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB); print('taken')\nexcept OSError: print('held')"
    )

    def other():
        done = subprocess.run([sys.executable, "-c", code, __file__], capture_output=True, text=True)
        return done.stdout.strip()

    with open(__file__) as file:
        first = file.readline()
        fcntl.flock(file, fcntl.LOCK_EX)
        while_held = other()
        fcntl.flock(file, fcntl.LOCK_UN)
        return while_held, other(), first[:10], file.read().startswith("\nimport datetime")
