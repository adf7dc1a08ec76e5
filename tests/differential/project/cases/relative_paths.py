"""Paths relative to the folder of manage.py, where a project is started."""

import ctypes
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def read():
    with open("cases/data/prices.csv") as file:
        return file.read()


def read_by_descriptor():
    descriptor = os.open("cases/data/prices.csv", os.O_RDONLY)
    try:
        return os.read(descriptor, 100).decode()
    finally:
        os.close(descriptor)


def read_with_dot():
    return Path("./cases/data/prices.csv").read_text()


def read_from_working_folder():
    return Path.cwd().joinpath("cases/data/prices.csv").read_text()


def read_absolute():
    return Path(os.path.abspath("cases/data/prices.csv")).read_text()


def read_resolved():
    return Path("cases/data/prices.csv").resolve().read_text()


def read_by_c():
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    libc.fclose.argtypes = [ctypes.c_void_p]
    stream = libc.fopen(b"cases/data/prices.csv", b"r")
    return bool(stream) and libc.fclose(stream)


def missing():
    return Path("cases/data/none.csv").read_text()


def tests_of_files():
    names = ["cases", "cases/data", "cases/data/prices.csv", "cases/none", "manage.py", "none", "django"]
    return [[test(name) for test in (os.path.exists, os.path.isfile, os.path.isdir, os.path.islink)] for name in names]


def status():
    return os.stat("cases/data/prices.csv").st_size, os.lstat("cases/data/deep").st_nlink > 0


def access():
    return [os.access(name, os.R_OK) for name in ("cases/data/prices.csv", "cases/data/none", "cases")]


def listing():
    return sorted(os.listdir("cases/data")), sorted(entry.name for entry in os.scandir("cases/data") if entry.is_dir())


def walk():
    return sorted([top, sorted(folders), sorted(files)] for top, folders, files in os.walk("cases/data"))


def globs():
    return sorted(glob.glob("cases/data/**/*.txt", recursive=True)), sorted(map(str, Path("cases/data").rglob("*")))


def copy():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree("cases/data", f"{folder}/copy")
        return sorted(os.listdir(f"{folder}/copy"))


def working_folder():
    before = os.getcwd()
    os.chdir("cases/data")
    try:
        return os.path.basename(os.getcwd()), sorted(os.listdir()), Path("deep/note.txt").read_text()
    finally:
        os.chdir(before)


def folder_for_new_files():
    os.makedirs("cases/plugins/new/newer")
    with open("cases/plugins/new/file.json", "w") as file:
        json.dump([1], file)
    answer = sorted(os.listdir("cases/plugins/new")), Path("cases/plugins/new/file.json").read_text()
    shutil.rmtree("cases/plugins/new")
    return answer


def file_beside_one_of_the_project():
    with open("cases/plugins/written.txt", "w") as file:
        file.write("written")
    answer = Path("cases/plugins/written.txt").read_text()
    os.remove("cases/plugins/written.txt")
    return answer, Path("cases/data/prices.csv").exists()


def argument_of_a_program():
    return subprocess.run(["cat", "cases/data/prices.csv"], capture_output=True, text=True).stdout


def program():
    return subprocess.run(["tools/tool.sh", "a b"], capture_output=True, text=True).stdout.split()[0]


def folder_of_a_program():
    return subprocess.run(["cat", "more.txt"], cwd="cases/data", capture_output=True, text=True).stdout


def manage_py():
    done = subprocess.run([sys.executable, "manage.py", "version"], capture_output=True, text=True)
    return done.stdout, done.returncode
