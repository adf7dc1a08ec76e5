"""Files that are written by relative paths, where the project has a file or a folder of that name."""

import os
from pathlib import Path

from tests.vfs.test_other_programs import ask, data, place

__all__ = ["data", "place"]  # fixtures

WAYS = """
import shutil, sqlite3
absolute = os.path.abspath("odd/folder/absolute.txt")
open(absolute, "w").close()
os.makedirs(os.path.abspath("odd/folder/inner/a/b"))
os.symlink("x", "odd/folder/inner/link")
os.mkfifo("odd/ünïcode/fifo")
open("moved", "w").close()
os.rename("moved", "odd/ünïcode/moved")
os.link("odd/file.txt", "odd/folder/linked")
answer = open("odd/folder/linked").read()
"""


def test_folders_of_the_project_are_there_for_everything_new(odd: Path, data: Path, place: Path) -> None:
    assert ask(odd, WAYS, data, cwd=place) == "this is file.txt\n"
    assert sorted(str(each.relative_to(place)) for each in place.rglob("*") if not each.is_dir()) == [
        "odd/folder/absolute.txt",
        "odd/folder/inner/link",
        "odd/folder/linked",
        "odd/ünïcode/fifo",
        "odd/ünïcode/moved",
    ]
    assert (place / "odd" / "folder" / "inner" / "a" / "b").is_dir()


CHANGES = """
def change(mode, text):
    with open("odd/file.txt", mode) as file:
        file.write(text)
    return open("odd/file.txt").read()

answer = [change(mode, text) for mode, text in CHANGES]
try:
    open("odd/copy.txt", "x")
except OSError as error:
    answer.append(error.errno)
"""


def test_a_file_that_goes_on_has_what_was_in_it(odd: Path, data: Path, place: Path) -> None:
    first = "this is file.txt\n"
    for changes, expected in (
        ([("a", "more"), ("a", "!")], [f"{first}more", f"{first}more!"]),
        ([("r+", "THAT")], [f"THAT{first[4:]}"]),
        ([("w", "new"), ("a", "er")], ["new", "newer"]),
    ):
        code = CHANGES.replace("for mode, text in CHANGES", f"for mode, text in {changes!r}")
        assert ask(odd, code, data, cwd=place) == [*expected, 17]
        assert [path.name for path in (place / "odd").iterdir()] == ["file.txt"]
        (place / "odd" / "file.txt").unlink()


LISTING = """
import glob, shutil
for name in "new.txt", "up.txt":
    open(f"odd/folder/{name}", "w").close()
answer = [
    sorted(os.listdir("odd/folder")),
    sorted((entry.name, entry.is_file(), entry.is_dir()) for entry in os.scandir("odd/folder")),
    sorted(glob.glob("odd/folder/*.txt")),
    sorted(os.listdir(os.path.abspath("odd/folder"))),
    sorted(os.listdir(os.open("odd/folder", os.O_RDONLY))),
    os.path.getsize("odd/folder/up.txt"),
]
shutil.rmtree("odd/folder")
answer.append(sorted(os.listdir("odd/folder")))
"""


def test_a_folder_lists_what_was_written_and_what_the_project_has(odd: Path, data: Path, place: Path) -> None:
    everything = ["inner", "new.txt", "up", "up.txt"]
    assert ask(odd, LISTING, data, cwd=place) == [
        everything,
        [["inner", False, True], ["new.txt", True, False], ["up", False, True], ["up.txt", True, False]],
        ["odd/folder/new.txt", "odd/folder/up.txt"],
        everything,
        ["new.txt", "up.txt"],  # the descriptor is that of the folder on the disk
        0,
        ["inner", "up", "up.txt"],
    ]


LOCKED = """
import _project_facts, fcntl
os.environ[_project_facts.DATA_VARIABLE] = sys.argv[1]
code = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB); print('taken')"
other = lambda: output(sys.executable, "-c", code, f"{ODD}/file.txt")
with open(f"{ODD}/file.txt") as file:
    read = file.read(4)
    fcntl.flock(file, fcntl.LOCK_EX)
    answer = [other(), os.get_inheritable(file.fileno()), read + file.read()]
answer.append(other())
"""


def test_a_lock_on_a_file_of_the_bundle_holds_between_processes(odd: Path, data: Path, place: Path) -> None:
    assert ask(odd, LOCKED, data, cwd=place) == ["", False, "this is file.txt\n", "taken\n"]


DATABASE = """
import sqlite3
database = sqlite3.connect("odd/data.sq3")
answer = database.execute("SELECT count(*) FROM numbers").fetchall()
try:
    database.execute("DELETE FROM numbers")
except sqlite3.OperationalError as error:
    answer.append(str(error))
"""


def test_a_database_of_the_project_is_read_where_it_is(odd: Path, data: Path, place: Path) -> None:
    """Its copy would hide that of the next version."""
    answer = ask(odd, DATABASE, data, cwd=place)
    assert answer == [[3], "attempt to write a readonly database"]
    assert not [*place.iterdir()]


def test_nothing_is_made_in_the_root_and_in_the_data_directory(odd: Path, data: Path, place: Path) -> None:
    code = """
        def fails(path):
            try:
                open(path, "a").close()
            except FileNotFoundError:
                return True
        answer = []
        for folder in sys.argv[1], "/":
            os.chdir(folder)
            answer.append(fails(os.path.abspath("odd/file.txt")))
    """
    assert ask(odd, code, data, cwd=place) == [True, True]
    assert not os.path.lexists("/odd")
