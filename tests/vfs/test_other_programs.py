"""Other programs do not see the virtual root. They get copies of files, or descriptors."""

import json
import os
import shutil
import stat
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.vfs.conftest import VIRTUAL

ODD = f"{VIRTUAL}/odd"
START = """
import _files, json, os, subprocess, sys
_files.show_project(b"/djb", b"odd\\0")
if data := sys.argv[1]:
    _files.make_copies_in(data.encode())

def output(*command, **options):
    try:
        return subprocess.run(command, capture_output=True, text=True, **options).stdout
    except OSError as error:
        return type(error).__name__

ODD = "/djb/odd"
"""


def ask(bundle: Path, code: str, data: Path | str, *, cwd: Path, user: int | None = None) -> Any:
    """Return `answer`, which the code sets in a plain Python of the bundle."""
    code = f"{START}\n{textwrap.dedent(code)}\nprint(json.dumps(answer))"
    command = [str(bundle), "-c", code, str(data)]
    result = subprocess.run(
        command, cwd=cwd, env={"PATH": os.defpath}, capture_output=True, text=True, check=False, user=user
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def test_copies_are_private_and_made_once(odd: Path, data: Path, place: Path) -> None:
    answer = ask(odd, "answer = [output('cat', f'{ODD}/folder/up.txt') for _ in range(2)]", data, cwd=place)
    assert answer == ["this is folder/up.txt\n"] * 2
    copies = next((data / "materialized").iterdir())
    assert sorted(str(path.relative_to(copies)) for path in copies.rglob("*")) == [
        "odd",
        "odd/folder",
        "odd/folder/inner",
        "odd/folder/inner/deep.txt",
        "odd/folder/up",
        "odd/folder/up.txt",
    ]
    assert (copies / "odd" / "folder" / "up").is_symlink()
    modes = {stat.filemode(path.stat().st_mode) for path in (data / "materialized").rglob("*")}
    assert modes == {"drwx------", "-r--------"}


def test_what_a_program_has_changed_is_made_again(odd: Path, data: Path, place: Path) -> None:
    code = """
        output("sh", "-c", "rm -rf *", cwd=f"{ODD}/folder/inner")
        output("sh", "-c", "rm up.txt; echo that is folder/up.txt > up.txt; chmod 755 .", cwd=f"{ODD}/folder")
        answer = output("cat", f"{ODD}/folder/up.txt", f"{ODD}/folder/inner/deep.txt")
    """
    assert ask(odd, code, data, cwd=place) == "this is folder/up.txt\nthis is folder/inner/deep.tx\n"


READ_ONLY = """
answer = [
    output("cat", f"{ODD}/file.txt"),
    output("sh", "-c", f"cat {ODD}/file.txt; cat '{ODD}/with space'"),
    output(f"{ODD}/program", "a b"),
    output("pwd", cwd=ODD),
    output("pwd", cwd=ODD, preexec_fn=lambda: None),
    output("pwd", cwd="/"),
    output(sys.executable, "-c", "print('the bundle itself')", cwd=ODD),
    output(sys.executable, "odd/script.py", "odd", cwd="/djb"),
    output(sys.executable, "../script.py", "odd", cwd=f"{ODD}/folder", preexec_fn=lambda: None),
    os.spawnlp(os.P_WAIT, "grep", "grep", "-q", "this is file.txt", f"{ODD}/file.txt"),
    os.waitpid(os.posix_spawn("/bin/grep", ["grep", "-q", "this", f"{ODD}/file.txt"], os.environ), 0)[1],
]
"""
READ_ONLY_ANSWERS = [
    "this is file.txt\n",
    "this is file.txt\nthis is with space\n",
    "1\n0\n",
    "FileNotFoundError",
    "FileNotFoundError",
    "/\n",
    "the bundle itself\n",
    "/djb/odd/script.py odd\n",
    "/djb/odd/script.py odd\n",
    0,
    0,
]


@pytest.mark.parametrize("kind", ["none", "missing", "of another user", "a link", "open to others", "read-only"])
def test_without_a_safe_folder_descriptors_are_given(odd: Path, data: Path, place: Path, kind: str) -> None:
    copies = data / "materialized"
    if kind == "missing":
        data = data / "folder" / "below"
    elif kind == "of another user":
        copies.mkdir(mode=0o700)
        os.chown(copies, 12345, 12345)
    elif kind == "a link":
        (place / "elsewhere").mkdir(mode=0o700)
        copies.symlink_to(place / "elsewhere")
    elif kind == "open to others":
        copies.mkdir()
        copies.chmod(0o770)
    elif kind == "read-only":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", data], check=True)
    try:
        assert ask(odd, READ_ONLY, "" if kind == "none" else data, cwd=place) == READ_ONLY_ANSWERS
    finally:
        if kind == "read-only":
            subprocess.run(["umount", data], check=True)
    assert not [path for path in place.rglob("*") if path.is_file()]


FOLDERS = """
kernel = lambda: os.readlink("/proc/self/cwd")
before = kernel()
output("true", cwd=ODD)
answer = [kernel() == before, os.getcwd() == before]
open("written", "w").close()
answer.append(os.path.exists(f"{before}/written"))
os.chdir(ODD)
answer += [kernel() != "/", os.getcwd(), output("pwd").endswith("/odd\\n"), os.getcwd()]
answer += [output("pwd", cwd=before) == f"{before}\\n", output("./program", "x"), output("cat", "file.txt")]
answer += [output("cat", "empty", cwd="folder/inner"), output("cat", "deep.txt", cwd="folder/inner"), os.getcwd()]
try:
    os.mkdir("new")
except OSError as error:
    answer.append(error.errno)
os.chdir(before)
answer += [kernel() == before, output("pwd") == f"{before}\\n"]
"""


def test_the_working_folder_of_a_child_is_no_business_of_its_parent(odd: Path, data: Path, place: Path) -> None:
    assert ask(odd, FOLDERS, data, cwd=place) == [
        *(True, True, True),
        *(True, ODD, True, ODD),
        *(True, "1\n0\n", "this is file.txt\n"),
        *("", "this is folder/inner/deep.tx\n", ODD),
        30,  # EROFS
        *(True, True),
    ]


def test_descriptors_of_a_parent_stay_after_a_child_of_vfork(odd: Path, place: Path) -> None:
    """Programs of the archive are opened in the child, whose descriptors have numbers of their own."""
    code = """
        def opened():
            paths = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
            return sum("/memfd:program" in os.readlink(path) for path in paths if os.path.islink(path))
        for _ in range(50):
            output(f"{ODD}/program", "a", cwd="/")
            output("cat", f"{ODD}/file.txt", cwd="/")
        names = ["file.txt", "copy.txt", "program", "folder/up.txt"]
        answer = [opened(), [open(f"{ODD}/{name}").readline() for name in names]]
    """
    assert ask(odd, code, "", cwd=place) == [
        0,
        ["this is file.txt\n", "this is file.txt\n", "#!/bin/sh\n", "this is folder/up.txt\n"],
    ]


TRANSLATED = [
    ("/djb/odd/file.txt", "COPY/odd/file.txt"),
    ("/djb/odd/with space", "COPY/odd/with space"),
    ("--file=/djb/odd/file.txt", "--file=COPY/odd/file.txt"),
    ("-I/djb/odd", "-ICOPY/odd"),
    ("@/djb/odd/file.txt", "@COPY/odd/file.txt"),
    ("file:///djb/odd/file.txt", "file://COPY/odd/file.txt"),
    ("/djb/odd/file.txt:/djb/odd/copy.txt", "COPY/odd/file.txt:COPY/odd/copy.txt"),
    ("/djb/odd/folder/", "COPY/odd/folder/"),
    ("cat '/djb/odd/with space' \"/djb/odd/with space\"", "cat 'COPY/odd/with space' \"COPY/odd/with space\""),
    ("cat '/djb/odd/file.txt' /djb/odd/*.txt", "cat 'COPY/odd/file.txt' COPY/odd/*.txt"),
    ("/djb/odd/../odd/file.txt", "COPY/odd/file.txt"),
    ("/djb/odd/missing", "/djb/odd/missing"),
    ("/srv/djb/odd/file.txt", "/srv/djb/odd/file.txt"),
    ("/djbundle", "/djbundle"),
    ("odd/file.txt", "COPY/odd/file.txt"),
    ("odd", "odd"),
    ("-odd/file.txt", "-odd/file.txt"),
    ("./odd/file.txt", "COPY/odd/file.txt"),
    ("--file=odd/file.txt", "--file=COPY/odd/file.txt"),
    ("--name=odd", "--name=odd"),
    ("see odd/file.txt", "see odd/file.txt"),
    ("os/missing", "os/missing"),
    ("", ""),
]


def test_translation_of_arguments(odd: Path, data: Path, place: Path) -> None:
    arguments = [argument for argument, _ in TRANSLATED]
    code = f"answer = output('printf', '%s\\\\n', *{arguments!r}).splitlines()"
    answered = ask(odd, code, data, cwd=place)
    copies = next((data / "materialized").iterdir())
    expected = [text.replace("COPY", str(copies)) for _, text in TRANSLATED]
    assert answered == expected


IN_A_LINE = [
    ("odd/file.txt", "COPY/odd/file.txt"),
    ("./odd/file.txt", "COPY/odd/file.txt"),
    ("'odd/with space'", "COPY/odd/with space"),
    ("a=odd/file.txt", "a=COPY/odd/file.txt"),
    ("odd/file.txt:odd/copy.txt", "COPY/odd/file.txt:COPY/odd/copy.txt"),
    ("odd/folder/", "COPY/odd/folder/"),
    ("odd", "odd"),
    ("odd/missing", "odd/missing"),
    ("here/odd/file.txt", "here/odd/file.txt"),
    ("/srv/odd/file.txt", "/srv/odd/file.txt"),
    ("odd/here.txt", "odd/here.txt"),
    ("/djb/odd/file.txt", "COPY/odd/file.txt"),
]


def test_words_in_the_line_of_a_shell(odd: Path, data: Path, place: Path) -> None:
    """A file that is where the program stands goes first."""
    (place / "odd").mkdir()
    (place / "odd" / "here.txt").touch()
    words = " ".join(word for word, _ in IN_A_LINE)
    code = f"""
        line = {words!r}
        answer = output(f"printf '%s\\n' {{line}}", shell=True).splitlines()
        os.environ["LISTED"] = "odd/file.txt:odd/missing"
        answer += [output("sh", "-c", 'echo "$LISTED"'), os.popen("cat odd/copy.txt").read()]
        answer.append(os.system("cat <odd/copy.txt >/dev/null"))
    """
    answered = ask(odd, code, data, cwd=place)
    copies = next((data / "materialized").iterdir())
    expected = [text.replace("COPY", str(copies)) for _, text in IN_A_LINE]
    assert answered[: len(expected)] == expected
    assert answered[len(expected) :] == [f"{copies}/odd/file.txt:odd/missing\n", "this is file.txt\n", 0]


def test_long_arguments_stay_as_they_are(odd: Path, data: Path, place: Path) -> None:
    code = "answer = len(output('printf', '%s', ODD + '/file.txt ' + 'x' * 100_000))"
    assert ask(odd, code, data, cwd=place) == len(ODD) + len("/file.txt ") + 100_000


@pytest.mark.parametrize("threads", [1, 8])
def test_copies_made_at_once(odd: Path, data: Path, place: Path, threads: int) -> None:
    code = f"""
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor({threads}) as pool:
            count = lambda _: output("sh", "-c", "cat file.txt large.bin | wc -c", cwd=ODD)
            answer = sorted(set(pool.map(count, range(40))))
    """
    assert ask(odd, code, data, cwd=place) == [f"{3_000_000 + len('this is file.txt\n')}\n"]
    assert not [*data.rglob(".partial-*")]


def test_a_bundle_is_told_nothing_of_copies(odd: Path, data: Path, place: Path) -> None:
    """Another version, too, sees the virtual root: its own."""
    other = shutil.copy(odd, place / "other")
    code = f"""
        show = "import os, sys; print(os.environ['X'], sys.argv[1])"
        for program in (sys.executable, {str(other)!r}):
            answer = output(program, "-c", show, f"{{ODD}}/file.txt", env={{"X": f"{{ODD}}/file.txt"}}, cwd="/")
            assert answer == f"{{ODD}}/file.txt {{ODD}}/file.txt\\\\n", answer
    """
    assert ask(odd, code.replace("\\\\n", "\\n"), data, cwd=place) == f"{ODD}/file.txt {ODD}/file.txt\n"
    assert not (data / "materialized").exists()
