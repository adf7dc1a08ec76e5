"""Other programs that get files of the project by relative names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PRICES = "cases/data/prices.csv"
HERE = Path(__file__).parent


def _shell(line, **options):
    done = subprocess.run(line, shell=True, capture_output=True, text=True, **options)
    return done.stdout, done.returncode


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    return done.stdout, done.returncode


def in_a_line():
    return _shell(f"cat {PRICES} | wc -l")


def quoted_in_a_line():
    return _shell(f"cat '{PRICES}' \"cases/data/more.txt\"")


def redirected():
    return _shell(f"wc -c < {PRICES}")


def tested():
    return _shell(f"test -e {PRICES} && test -d cases/data && echo there")


def folder_entered():
    return _shell("cd cases/data && cat prices.csv")


def star():
    return _shell("cat cases/data/*.csv")


def script_in_a_line():
    return _shell("sh tools/tool.sh a")[0].split()[::4]


def program_in_a_line():
    return [line.split()[::4] for line in _shell("./tools/tool.sh a; tools/tool.sh b")[0].splitlines()]


def script_by_name():
    return _run("sh", "tools/tool.sh", "a")[0].split()[::4]


def in_an_option():
    return _run("grep", "--file=cases/data/more.txt", "cases/data/more.txt")


def in_a_variable():
    return _shell('cat "$PRICES"', env={"PRICES": PRICES, "PATH": os.defpath})


def relative_folder():
    return _run("cat", "prices.csv", cwd="cases/data")


def by_system():
    return os.system(f"test -e {PRICES}"), os.popen(f"cat {PRICES}").read()


def python_script():
    return _run(sys.executable, "scripts/job.py", "a")


def python_line():
    return _run(sys.executable, "-c", f"print(open({PRICES!r}).read())")


def python_in_a_line():
    return _shell(f"{sys.executable} tools/job.py a; {sys.executable} -m cases.plugins.first")


def python_script_beside_another():
    """A script finds the module in its own folder."""
    return _run(sys.executable, str(HERE / "beside" / "script.py"))


def python_folder():
    return _run(sys.executable, str(HERE / "zoo"))


def python_module_with_main():
    return _run(sys.executable, "-m", "habits.zoo", "x")


def python_from_standard_input():
    return _run(sys.executable, "-", "a", input="import sys, cases; print(sys.argv, cases.__name__)")


def python_unittest():
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "-q", "habits.zoo.trial"], capture_output=True, text=True, cwd=HERE.parent
    )
    return done.returncode, "Ran 1 test" in done.stderr


def paths_joined():
    return _shell(
        'for each in $(echo "$FOLDERS" | tr : " "); do ls $each/*.txt | wc -l; done',
        env={"FOLDERS": f"{HERE}/beside:{HERE.parent}/cases/data/deep", "PATH": os.defpath},
    )


def file_given_and_its_name_printed():
    return os.path.basename(_run("readlink", "-f", str(HERE / "zoo" / "animals.txt"))[0].strip())


def copied_by_cp():
    target = f"/tmp/habits-{os.getpid()}"
    try:
        code = _run("cp", "-r", str(HERE / "beside"), target)[1]
        return code, sorted(name for name in os.listdir(target) if not name.startswith("__"))
    finally:
        shutil.rmtree(target, ignore_errors=True)


def archived_by_tar():
    return sorted(
        subprocess.run(["tar", "cf", "-", "-C", str(HERE / "zoo"), "animals.txt"], capture_output=True)
        .stdout[:11]
        .decode()
        .split()
    )


def found_by_find():
    return _run("find", str(HERE / "zoo"), "-name", "*.txt", "-printf", "%f\n")


def program_found():
    return os.path.basename(shutil.which("tools/tool.sh") or ""), os.path.basename(
        shutil.which("tool.sh", path=str(HERE.parent / "tools")) or ""
    )


def environment_of_python():
    return _run(sys.executable, "-c", "import os; print(sorted(k for k in os.environ if k.startswith('DJBUNDLE')))")
