"""Files that the project ships: a database that is only read, and scripts in a folder that is no package."""

import runpy
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).parent
PLACES = HERE / "data" / "places.sqlite3"
TOOLS = HERE.parent / "tools"


def read_only_database():
    with closing(sqlite3.connect(f"file:{PLACES}?mode=ro", uri=True)) as database:
        return database.execute("SELECT name, zone FROM places ORDER BY name").fetchall()


def database_by_path():
    with closing(sqlite3.connect(PLACES)) as database:
        return database.execute("SELECT count(*) FROM places").fetchone()


def attached_database():
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("ATTACH ? AS shipped", [str(PLACES)])
        return database.execute("SELECT name FROM shipped.places ORDER BY name").fetchall()


def read_only_database_is_not_written():
    with closing(sqlite3.connect(f"file:{PLACES}?mode=ro", uri=True)) as database:
        try:
            database.execute("DELETE FROM places")
        except sqlite3.OperationalError as error:
            return str(error)


def script_by_runpy():
    return runpy.run_path(str(TOOLS / "job.py"))["NAME"]


def script_by_python():
    done = subprocess.run([sys.executable, str(TOOLS / "job.py"), "a"], capture_output=True, text=True)
    return done.stdout, done.stderr, done.returncode


def scripts_by_listing():
    return sorted(each.name for each in TOOLS.glob("*.py"))
