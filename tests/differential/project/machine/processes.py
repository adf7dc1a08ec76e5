"""Processes, threads, signals and what they inherit."""

import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import shared_memory
from pathlib import Path

HERE = Path(__file__).parent


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    return done.stdout, done.stderr.strip().rpartition("\n")[2], done.returncode


def python_c():
    return _run(sys.executable, "-c", "import sys, django; print(sys.argv, django.VERSION[0] > 4, __name__)", "x y")


def python_c_of_project():
    return _run(sys.executable, "-c", "import machine.processes as p; print(p.__name__, p.double(4))", cwd=HERE.parent)


def python_stdin():
    return _run(sys.executable, "-", "argument", input="import sys; print(sys.argv, __name__)")


def python_options():
    return _run(sys.executable, "-O", "-W", "error", "-c", "import sys; print(__debug__, sys.flags.optimize, sys.warnoptions)")


def python_utf8_and_isolated():
    return _run(sys.executable, "-I", "-X", "utf8", "-c", "import sys; print(sys.flags.isolated, sys.flags.utf8_mode)")


def python_unbuffered():
    return _run(sys.executable, "-u", "-B", "-c", "import sys; sys.exit('last words')")


def python_version():
    out, error, code = _run(sys.executable, "--version")
    return out.startswith("Python 3."), error, code


def python_syntax_error():
    return _run(sys.executable, "-c", "x ==== 1")[1:]


def python_exit_codes():
    return [_run(sys.executable, "-c", f"import sys, os; {each}")[2] for each in ("sys.exit(3)", "os.abort()", "1/0", "os._exit(9)")]


def python_environment():
    code = "import os, json; print(json.dumps({k: v for k, v in os.environ.items() if k in ('ODD', 'PATH')}))"
    out, error, status = _run(sys.executable, "-c", code, env={"ODD": "1", "PATH": "/bin"})
    return out and json.loads(out), error, status


def python_script_given_arguments():
    return _run(sys.executable, str(HERE.parent / "language" / "parts" / "main_program.py"), "--flag", "-c")


def python_manage():
    return _run(sys.executable, str(HERE.parent / "manage.py"), "odd-name", "from", "manage", cwd=HERE.parent)


def python_m_django():
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "site_.settings"}
    return _run(sys.executable, "-m", "django", "odd-name", "x", cwd=HERE.parent, env=environment)


def python_m_json_tool():
    return _run(sys.executable, "-m", "json.tool", "--compact", input='{"a": [1, 2]}')


def python_finds_environment():
    return _run(sys.executable, "-c", "import asgiref, sqlparse, ssl, sqlite3, ctypes; print('all')")


def double(n=0):
    return n * 2


def _at_exit_code():
    return "import atexit; atexit.register(print, 'bye'); print('hi')"


def at_exit():
    return _run(sys.executable, "-c", _at_exit_code())


def executable():
    return os.path.isabs(sys.executable), os.access(sys.executable, os.X_OK), os.path.exists(sys.executable)


def shell():
    return _run("sh", "-c", "echo $0 $1; exit 4", "zero", "one")


def shell_pipeline():
    return subprocess.check_output("printf 'b\\na\\n' | sort", shell=True, text=True)


def command_missing():
    try:
        subprocess.run(["no-such-command-at-all"])
    except FileNotFoundError as error:
        return str(error), error.filename


def command_fails():
    try:
        subprocess.run(["false"], check=True)
    except subprocess.CalledProcessError as error:
        return str(error), error.returncode


def command_timeout():
    try:
        subprocess.run(["sleep", "20"], timeout=0.1)
    except subprocess.TimeoutExpired as error:
        return str(error).partition(" after ")[0], error.stdout


def child_in_folder_of_project():
    return _run("sh", "-c", "basename $(pwd)", cwd=HERE / "data")[::2]


def child_lists_project():
    return _run("ls", str(HERE / "data"))


def child_reads_project_file():
    return _run("cat", str(HERE / "data" / "lines.txt"))


def child_gets_open_file():
    with open(HERE / "data" / "lines.txt") as file:
        return subprocess.run(["cat"], stdin=file, capture_output=True, text=True).stdout


def child_gets_descriptor():
    with open(HERE / "data" / "lines.txt") as file:
        return _run("sh", "-c", f"cat /dev/fd/{file.fileno()}", pass_fds=[file.fileno()])


def preexec_and_session():
    done = subprocess.run(["sh", "-c", "umask; echo $ODD"], preexec_fn=lambda: os.umask(0o77), start_new_session=True, capture_output=True, text=True, env={"ODD": "1", "PATH": os.environ.get("PATH", "")})
    return done.stdout


def signals_of_child():
    child = subprocess.Popen(["sleep", "30"])
    child.send_signal(signal.SIGTERM)
    return child.wait(20), child.returncode


def os_level():
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(writer, b"from the child")
        os._exit(5)
    os.close(writer)
    _, status = os.waitpid(pid, 0)
    text = os.read(reader, 50).decode()
    os.close(reader)
    return text, os.waitstatus_to_exitcode(status)


def posix_spawn():
    pid = os.posix_spawnp("sh", ["sh", "-c", "exit 6"], os.environ)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def os_system_and_popen():
    with os.popen("echo popen") as file:
        return os.waitstatus_to_exitcode(os.system("exit 3")), file.read()


def multiprocessing_forked():
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        return pool.map(double, [1, 2, 3])


def multiprocessing_spawned():
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.map(double, [1, 2])


def multiprocessing_server():
    context = multiprocessing.get_context("forkserver")
    with context.Pool(1) as pool:
        return pool.map(double, [5])


def process_pool():
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        return pool.submit(double, 21).result(60), multiprocessing.get_start_method()


def process_pool_error():
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        error = pool.submit(int, "x").exception(60)
        return repr(error), type(error.__cause__).__name__


def process_names():
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=lambda: results.put(multiprocessing.current_process().name), name="odd")
    child.start()
    name = results.get(timeout=30)
    child.join(30)
    return name, child.exitcode, multiprocessing.current_process().name


def manager():
    with multiprocessing.get_context("fork").Manager() as manager:
        shared = manager.dict(a=1)
        shared["b"] = manager.list([2])
        return shared["a"], list(shared["b"])


def shared():
    block = shared_memory.SharedMemory(create=True, size=16)
    try:
        block.buf[:2] = b"ok"
        other = shared_memory.SharedMemory(block.name)
        text = bytes(other.buf[:2]).decode()
        other.close()
        return text
    finally:
        block.close()
        block.unlink()


def threads():
    results = queue.Queue()
    local = threading.local()

    def work():
        local.x = 1
        results.put((threading.current_thread().name, hasattr(local, "x"), threading.current_thread().daemon))

    thread = threading.Thread(target=work, name="odd", daemon=True)
    thread.start()
    thread.join()
    return results.get(), hasattr(local, "x")


def thread_errors():
    seen = []
    old, threading.excepthook = threading.excepthook, lambda args: seen.append((args.exc_type.__name__, args.thread.name))
    try:
        thread = threading.Thread(target=lambda: 1 / 0, name="bad")
        thread.start()
        thread.join()
    finally:
        threading.excepthook = old
    return seen


def thread_pool():
    with concurrent.futures.ThreadPoolExecutor(2, "pool") as pool:
        names = list(pool.map(lambda n: threading.current_thread().name.partition("_")[0], range(3)))
        error = pool.submit(lambda: {}["k"]).exception()
    return names, repr(error)


def timers():
    event = threading.Event()
    threading.Timer(0.01, event.set).start()
    return event.wait(20), threading.Barrier(1).wait()


def is_main_thread():
    return threading.main_thread().name, isinstance(threading.get_ident(), int)


def signal_in_wrong_thread():
    seen = []

    def work():
        try:
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        except ValueError as error:
            seen.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return seen


def signal_names():
    return signal.Signals(15).name, signal.strsignal(9), signal.SIGRTMIN < signal.SIGRTMAX


def broken_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        os.write(writer, b"x")
    except BrokenPipeError as error:
        return str(error)
    finally:
        os.close(writer)


def waiting_child():
    started = time.monotonic()
    child = subprocess.Popen(["sh", "-c", "echo ready; cat"], stdin=-1, stdout=-1, text=True)
    line = child.stdout.readline()
    out, _ = child.communicate("more", timeout=30)
    return line, out, child.returncode, time.monotonic() >= started


def no_zombies():
    subprocess.Popen(["true"]).wait()
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(-1, os.WNOHANG)[0] == 0
    return True


def which():
    return shutil.which("sh") is not None, shutil.which("no-such-command"), shutil.which("django-admin") is not None


def get_output():
    return subprocess.getstatusoutput("echo out; echo err >&2; exit 2")


def environment_changes():
    os.environ["ODD_ONE"] = "ä"
    try:
        return _run("sh", "-c", "echo $ODD_ONE"), os.environb[b"ODD_ONE"].hex(), os.getenv("ODD_ONE")
    finally:
        del os.environ["ODD_ONE"]


def environment_errors():
    texts = []
    for key, value in (("a", 1), ("a=b", "x"), ("a", "x\0y")):
        try:
            os.environ[key] = value
        except (TypeError, ValueError, OSError) as error:
            texts.append(f"{type(error).__name__}: {error}")
    return texts
