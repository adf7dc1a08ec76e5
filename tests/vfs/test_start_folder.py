"""A list of an empty folder in which a bundle is started shows the project's files, as that of the project's folder."""

from pathlib import Path

from tests.vfs.test_other_programs import ask, data, place

__all__ = ["data", "place"]  # fixtures

LISTS = """
import glob
from pathlib import Path
answer = [
    os.listdir("."),
    os.listdir("./."),
    os.listdir(os.getcwd() + "/"),
    [(entry.name, entry.is_dir(), entry.stat().st_size >= 0) for entry in os.scandir()],
    glob.glob("*/file.txt"),
    glob.glob(os.path.abspath("*/*/up.txt")) == [os.path.abspath("odd/folder/up.txt")],
    sorted(map(str, Path().rglob("deep.txt"))),
    [files for top, _, files in os.walk(".") if top == "./odd/folder/inner"],
]
"""
EXPECTED = [
    ["odd"],
    ["odd"],
    ["odd"],
    [["odd", True, True]],
    ["odd/file.txt"],
    True,
    ["odd/folder/inner/deep.txt"],
    [["deep.txt"]],
]


def test_empty_folder_lists_the_project(odd: Path, data: Path, place: Path) -> None:
    assert ask(odd, LISTS, data, cwd=place) == EXPECTED


def test_folder_with_what_the_project_has_written_lists_it_still(odd: Path, data: Path, place: Path) -> None:
    ask(odd, "answer = open('odd/new.txt', 'w').close()", data, cwd=place)
    assert [path.name for path in place.rglob("*.txt")] == ["new.txt"]
    assert ask(odd, LISTS, data, cwd=place) == EXPECTED


def test_what_is_written_is_listed_too(odd: Path, data: Path, place: Path) -> None:
    code = "open('own.txt', 'w').close(); answer = sorted(os.listdir()), sorted(os.listdir('odd')) == os.listdir(ODD)"
    assert ask(odd, code, data, cwd=place) == [["odd", "own.txt"], True]


def test_folder_with_other_files_lists_these(odd: Path, data: Path, place: Path) -> None:
    (place / "other.txt").touch()
    code = "answer = os.listdir(), os.listdir(os.getcwd()), open('odd/file.txt').read()"
    assert ask(odd, code, data, cwd=place) == [["other.txt"], ["other.txt"], "this is file.txt\n"]


def test_no_other_folder_lists_the_project(odd: Path, data: Path, place: Path) -> None:
    """A program that is started by the bundle in an empty folder of its own finds it empty."""
    code = """
    lists = sys.executable, "-c", "import os; print('odd' in os.listdir())"
    os.mkdir("sub")
    answer = [output(*lists).strip(), output(*lists, cwd="sub").strip(), os.listdir("sub")]
    os.chdir("sub")
    answer += [os.listdir(), output(*lists).strip(), sorted(os.listdir(os.path.dirname(os.getcwd())))]
    """
    assert ask(odd, code, data, cwd=place) == ["True", "False", [], [], "False", ["odd", "sub"]]
