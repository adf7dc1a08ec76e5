"""Other programs, and the files of the project that they are given."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BASE = HERE.parent


def _output(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    return done.stdout, done.returncode


def _shell(line, **options):
    return _output(line, shell=True, **options)


def argument():
    return _output("cat", str(HERE / "data" / "prices.csv"))


def two_arguments():
    return _output("cat", "--", HERE / "data" / "prices.csv", HERE / "data" / "deep" / "note.txt")


def argument_in_an_option():
    return _output("sort", f"--output=/dev/stdout", f"--files0-from=/dev/null"), _output(
        "grep", f"--file={HERE}/data/more.txt", str(HERE / "data" / "more.txt")
    )


def missing_argument():
    return _output("cat", str(HERE / "data" / "none"))


def folder_as_argument():
    return _output("ls", str(HERE / "data"))


def shell_script():
    return _output("sh", str(BASE / "tools" / "tool.sh"), "a", cwd="/tmp")


def executable_script():
    return _output(str(BASE / "tools" / "tool.sh"), "a", "b c", cwd="/tmp")


def python_script():
    return _output(str(BASE / "scripts" / "job.py"), "a", env={"PATH": f"{Path(sys.executable).parent}:{os.defpath}"})


def not_executable():
    try:
        return _output(str(HERE / "data" / "prices.csv"))
    except PermissionError as error:
        return error.errno


def standard_input():
    with open(HERE / "data" / "prices.csv") as file:
        return _output("cat", stdin=file)


def shell_line():
    return _shell(f"cat {HERE}/data/prices.csv '{HERE}/data/more.txt' | wc -l; ls {HERE}/data/*.txt | wc -l")


def variable():
    return _shell('cat "$PRICES"', env={"PRICES": str(HERE / "data" / "prices.csv"), "PATH": os.defpath})


def working_folder():
    return _output("cat", "prices.csv", cwd=HERE / "data")


def working_folder_of_a_shell():
    return _shell("basename $PWD; cat deep/note.txt; ls", cwd=HERE / "data")


def project_as_working_folder():
    return _shell("cat cases/data/*.txt; ls tools; test -e manage.py && echo manage", cwd=BASE)


def working_folder_of_a_forked_child():
    return _output("cat", "prices.csv", cwd=HERE / "data", preexec_fn=lambda: None)


def program_in_the_working_folder():
    return _output("./tool.sh", "a", cwd=BASE / "tools")


def missing_working_folder():
    try:
        return _output("true", cwd=HERE / "data" / "none")
    except FileNotFoundError as error:
        return error.errno


def file_as_working_folder():
    try:
        return _output("true", cwd=HERE / "data" / "prices.csv")
    except NotADirectoryError as error:
        return error.errno


def own_working_folder_stays():
    before = os.getcwd()
    _output("true", cwd=BASE)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            _output("true", cwd=BASE)
            Path("written.txt").write_text("x")
            return os.path.exists(f"{folder}/written.txt"), os.path.realpath(os.getcwd()) == os.path.realpath(folder)
        finally:
            os.chdir(before)


def started_from_a_folder_of_the_project():
    before = os.getcwd()
    os.chdir(HERE / "data")
    try:
        spawned = os.posix_spawn("/bin/sh", ["sh", "-c", "test -e prices.csv"], {"PATH": os.defpath})
        return (
            _output("cat", "more.txt"),
            os.system("test -e prices.csv"),
            os.popen("cat deep/note.txt").read(),
            os.waitpid(spawned, 0)[1],
        )
    finally:
        os.chdir(before)


def system():
    return os.system(f"test -e {HERE}/data/prices.csv"), os.popen(f"cat {HERE}/data/prices.csv").read()


def replaced_process():
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.dup2(write_end, 1)
            os.chdir(HERE / "data")
            os.execvp("cat", ["cat", "more.txt", str(HERE / "data" / "prices.csv")])
        finally:
            os._exit(9)
    os.close(write_end)
    with open(read_end) as file:
        return file.read(), os.waitpid(child, 0)[1]


def in_an_event_loop():
    async def run():
        process = await asyncio.create_subprocess_exec(
            "cat", "prices.csv", str(HERE / "data" / "more.txt"), cwd=HERE / "data", stdout=subprocess.PIPE
        )
        return (await process.communicate())[0].decode()

    return asyncio.run(run())


def python_in_the_project():
    return _output(sys.executable, "manage.py", "version", cwd=BASE)


def manage_py_as_a_program():
    return _output(sys.executable, "-c", "import os; print(os.path.exists('manage.py'))", cwd=BASE)


def found_programs():
    return [bool(shutil.which(name)) for name in ("sh", "no-such-program")]


def symbolic_links():
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(HERE / "data" / "prices.csv", f"{folder}/file")
        os.symlink(HERE / "data", f"{folder}/folder")
        os.symlink("folder/deep", f"{folder}/chain")
        return (
            Path(f"{folder}/file").read_text(),
            sorted(os.listdir(f"{folder}/folder")),
            sorted(os.listdir(f"{folder}/folder/")),
            sorted(os.listdir(f"{folder}/folder/deep/..")),
            Path(f"{folder}/chain/note.txt").read_text(),
            [os.path.exists(f"{folder}/{name}") for name in ("file", "folder/none", "chain", "none")],
            [os.path.islink(f"{folder}/{name}") for name in ("file", "folder/more.txt", "chain")],
            os.path.realpath(f"{folder}/chain/note.txt").removeprefix(str(BASE)),
            os.stat(f"{folder}/file").st_size,
            os.path.samefile(f"{folder}/file", HERE / "data" / "prices.csv"),
        )


def hard_link():
    with tempfile.TemporaryDirectory(dir=HERE.parent if os.access(HERE, os.W_OK) else None) as folder:
        os.link(HERE / "data" / "prices.csv", f"{folder}/linked")
        try:
            os.link(HERE / "data" / "prices.csv", f"{folder}/linked")
        except FileExistsError as error:
            return Path(f"{folder}/linked").read_text(), error.errno


def home():
    return Path.home().is_absolute(), os.path.expanduser("~/x").endswith("/x"), Path("~").expanduser().is_dir()
