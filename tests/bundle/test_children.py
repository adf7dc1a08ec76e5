"""Processes that a bundle starts: its own interpreters, and programs of the machine."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from djbundle.contract import variables
from tests.support.customer import Customer
from tests.support.ports import free_port
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

MARKED = {"LD_LIBRARY_PATH": "/the/host's", "GLIBC_TUNABLES": "glibc.malloc.check=0"}


@pytest.fixture(scope="module")
def site(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return a site with two notes "seen"."""
    site = Site(small, tmp_path_factory.mktemp("children") / "data", bare_environment(**MARKED))
    site.run("migrate")
    site.shell("from notes.models import Note\nfor _ in range(2): Note.objects.create(text='seen')")
    return site


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(site: Site, method: str) -> None:
    """Each child uses the database of its parent."""
    output = site.shell(f"""
import multiprocessing
from notes.counting import count
with multiprocessing.get_context({method!r}).Pool(2) as pool:
    print(pool.map(count, ["seen", "unseen"]))
""")
    assert output == "[2, 0]"


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_process_pool(site: Site, method: str) -> None:
    output = site.shell(f"""
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from notes.counting import count
with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context({method!r})) as pool:
    print(list(pool.map(count, ["seen", "unseen"])))
""")
    assert output == "[2, 0]"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-c", "import sys; print(sys.argv)", "a", "--b"], "['-c', 'a', '--b']"),
        (["-Wignore", "-X", "utf8", "-Ic", "print(1 + 1)"], "2"),
        (["-m", "json.tool", "--compact", "/dev/stdin"], '{"a":1}'),
        (["-c", "from notes.counting import count; print(count('seen'))"], "2"),
    ],
)
def test_interpreter(site: Site, arguments: list[str], expected: str) -> None:
    output = site.shell(f"""
import subprocess, sys
print(subprocess.run([sys.executable, *{arguments!r}], input='{{"a": 1}}', capture_output=True, text=True).stdout)
""")
    assert output == expected


@pytest.mark.parametrize("name", ["script.py", "script"])
@pytest.mark.parametrize("options", [[], ["-u", "-X", "utf8"]])
def test_script(site: Site, tmp_path: Path, name: str, options: list[str]) -> None:
    script = tmp_path / name
    script.write_text("import sys, neighbour\nprint(__name__, sys.argv[1:], neighbour.NAME)")
    (tmp_path / "neighbour.py").write_text("NAME = 'neighbour'")
    output = site.shell(f"import subprocess, sys\nsubprocess.run([sys.executable, *{options}, {str(script)!r}, 'a'])")
    assert output == "__main__ ['a'] neighbour"


def test_script_from_the_standard_input(site: Site) -> None:
    code = "import sys; from notes.counting import count; print(sys.argv, count('seen'))"
    output = site.shell(f"import subprocess, sys\nsubprocess.run([sys.executable, '-', 'a'], input={code!r}.encode())")
    assert output == "['-', 'a'] 2"


def test_a_file_with_the_name_of_a_command_hides_none(site: Site, tmp_path: Path) -> None:
    (tmp_path / "count_notes").write_text("print('a script')")
    output = site.shell(
        f"import subprocess, sys\nsubprocess.run([sys.executable, 'count_notes'], cwd={str(tmp_path)!r})"
    )
    assert output == site.run("count_notes").stdout.strip()


def test_management_command_in_a_child(site: Site) -> None:
    """Some commands start with ``sys.executable, "-m", "django"``, others with ``sys.executable, sys.argv[0]``."""
    for start in ("'-m', 'django', 'count_notes'", "sys.argv[0], 'count_notes'"):
        output = site.shell(f"import subprocess, sys\nsubprocess.run([sys.executable, {start}])")
        assert output == site.run("count_notes").stdout.strip()


@pytest.mark.parametrize("started", ["subprocess.run(['env'])", "os.system('env')", "os.execvp('env', ['env'])"])
def test_programs_of_the_machine_see_its_own_environment(site: Site, started: str) -> None:
    """They get neither our preloaded libraries nor our loader variables, but those of the host."""
    output = site.shell(f"import os, subprocess\n{started}")
    variables = dict(line.split("=", 1) for line in output.splitlines())
    assert {name: value for name, value in variables.items() if name.startswith(("LD_", "GLIBC"))} == MARKED


def test_programs_of_the_machine_inherit_no_descriptor(site: Site) -> None:
    output = site.shell("import subprocess\nsubprocess.run(['ls', '/proc/self/fd'], close_fds=False)")
    assert output.split() == ["0", "1", "2", "3"]


def test_shell_reads_its_input(site: Site) -> None:
    code = "from notes.models import Note\nprint(Note.objects.count())"
    command: list[str | Path] = [site.bundle, "shell", "-v0", "--data-dir", site.data]
    result = subprocess.run(command, input=code, env=site.environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "2"


@pytest.fixture
def development_server(site: Site, tmp_path: Path) -> Iterator[tuple[str, psutil.Process, Path]]:
    """``runserver`` in a bundle: its address, its first process, its output."""
    log, port = tmp_path / "log", free_port()
    folder = Path(shutil.copytree(site.bundle.parent, tmp_path / "here", copy_function=os.link))
    command = ["./small", "runserver", f"127.0.0.1:{port}", "--data-dir", str(site.data)]
    with log.open("wb") as file:
        process = psutil.Popen(
            command, cwd=folder, env=site.environment, stdout=file, stderr=file, start_new_session=True
        )
    yield f"http://127.0.0.1:{port}", process, log
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def answers(url: str) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def test_autoreload(site: Site, development_server: tuple[str, psutil.Process, Path]) -> None:
    url, process, log = development_server
    wait_until(lambda: answers(url), "runserver answers", 60)
    assert Customer(url).get("/").status == 200
    [child] = process.children()
    assert child.cmdline()[-2:] == ["runserver", url.removeprefix("http://")]
    assert child.environ()[f"{variables.DATA_DIRECTORY}_OF_small"] == str(site.data)
    assert "Traceback" not in log.read_text()
