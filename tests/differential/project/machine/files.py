"""Files and folders: those of the project, and new ones."""

import csv
import errno
import fcntl
import filecmp
import fileinput
import glob
import gzip
import io
import json
import mmap
import os
import pathlib
import shelve
import shutil
import stat
import tarfile
import tempfile
import tokenize
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE / "data"


def walk():
    return sorted(
        (os.path.relpath(folder, DATA), sorted(folders), sorted(files)) for folder, folders, files in os.walk(DATA)
    )


def path_walk():
    return sorted((str(folder.relative_to(DATA)), sorted(files)) for folder, _, files in DATA.walk(top_down=False))


def fwalk():
    seen = []
    for folder, folders, files, descriptor in os.fwalk(DATA):
        seen += [(name, os.stat(name, dir_fd=descriptor).st_size) for name in sorted(files)]
    return sorted(seen)


def globs():
    return (
        sorted(glob.glob("**/*.txt", root_dir=DATA, recursive=True)),
        sorted(each.name for each in DATA.rglob("*.[bt]*")),
        sorted(each.name for each in DATA.glob("*/er")),
        sorted(os.path.basename(each) for each in glob.iglob(str(DATA / "?ines*"))),
    )


def scandir():
    with os.scandir(DATA) as entries:
        return sorted((e.name, e.is_dir(), e.is_file(), e.is_symlink(), e.stat().st_size if e.is_file() else 0) for e in entries)


def stat_fields():
    status = os.stat(DATA / "bytes.bin")
    return (
        *(status.st_size, stat.S_ISREG(status.st_mode), status.st_nlink, status.st_mtime > 0, status.st_ino > 0),
        *(os.path.samestat(status, os.stat(DATA / "bytes.bin")), os.path.samefile(DATA, DATA / "deep" / "..")),
        stat.S_ISDIR(os.lstat(DATA).st_mode),
    )


def readable():
    return os.access(DATA / "lines.txt", os.R_OK), os.access(DATA, os.X_OK), os.access(DATA / "nope", os.F_OK)


def missing_files():
    texts = []
    for call in (
        lambda: open(DATA / "nope.txt"),
        lambda: open(DATA),
        lambda: os.listdir(DATA / "lines.txt"),
        lambda: os.listdir(DATA / "nope"),
        lambda: os.stat(DATA / "lines.txt" / "x"),
        lambda: os.rmdir(DATA),
        lambda: os.readlink(DATA / "lines.txt"),
        lambda: os.chdir(DATA / "lines.txt"),
        lambda: (DATA / "nope").read_text(),
    ):
        try:
            call()
        except OSError as error:
            texts.append((type(error).__name__, errno.errorcode[error.errno], str(error.filename).rpartition("/data")[2]))
    return texts


def opened_in_ways():
    name = DATA / "lines.txt"
    with open(name, "rb", buffering=0) as raw, open(name, newline="") as text, io.open_code(str(name)) as code:
        texts = raw.read(5).decode(), text.readlines(), code.read(3).decode(), raw.seek(-3, 2), raw.tell()
    with open(os.open(name, os.O_RDONLY)) as descriptor:
        return texts, descriptor.read(), type(descriptor.name).__name__


def opener():
    folder = os.open(DATA, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with open("lines.txt", opener=lambda path, flags: os.open(path, flags, dir_fd=folder)) as file:
            return file.read(), sorted(os.listdir(folder))
    finally:
        os.close(folder)


def mapped():
    with open(DATA / "bytes.bin", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        return memory[:3].hex(), memory.find(b"binary"), len(memory)


def mapped_for_writing():
    with tempfile.TemporaryFile() as file:
        file.write(b"\0" * 4096)
        file.flush()
        with mmap.mmap(file.fileno(), 4096) as memory:
            memory[:3] = b"abc"
            memory.flush()
        file.seek(0)
        return file.read(3).decode()


def pread_and_sendfile():
    descriptor = os.open(DATA / "lines.txt", os.O_RDONLY)
    out = os.memfd_create("out")
    try:
        sent = os.sendfile(out, descriptor, 0, 20)
        return os.pread(descriptor, 6, 6).decode(), sent, os.pread(out, 20, 0).decode(), os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
        os.close(out)


def copied():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(DATA, os.path.join(folder, "copy"))
        shutil.copy2(DATA / "lines.txt", os.path.join(folder, "one.txt"))
        (Path(folder) / "one.txt").write_text("writable")
        compared = filecmp.dircmp(DATA, os.path.join(folder, "copy"))
        modes = oct(os.stat(os.path.join(folder, "copy", "lines.txt")).st_mode & 0o200)
        return compared.left_only, compared.diff_files, compared.common, modes


def moved():
    with tempfile.TemporaryDirectory() as folder:
        a, b = Path(folder, "a"), Path(folder, "b")
        a.write_text("x")
        os.replace(a, b)
        os.link(b, a)
        os.symlink("b", Path(folder, "c"))
        return b.stat().st_nlink, Path(folder, "c").read_text(), os.readlink(Path(folder, "c")), sorted(os.listdir(folder))


def symlink_to_project():
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "link")
        link.symlink_to(DATA)
        return (link / "lines.txt").read_text(), link.resolve() == DATA.resolve(), os.path.islink(link)


def archives():
    with tempfile.TemporaryDirectory() as folder:
        packed = shutil.make_archive(os.path.join(folder, "packed"), "gztar", DATA)
        zipped = shutil.make_archive(os.path.join(folder, "packed"), "zip", root_dir=HERE, base_dir="data")
        shutil.unpack_archive(packed, os.path.join(folder, "out"))
        with tarfile.open(packed) as tar, zipfile.ZipFile(zipped) as archive:
            return sorted(tar.getnames()), sorted(archive.namelist()), sorted(os.listdir(os.path.join(folder, "out")))


def temporary_files():
    with tempfile.NamedTemporaryFile("w+", suffix=".x", delete_on_close=False) as file:
        file.write("ä")
        file.close()
        content = Path(file.name).read_bytes().hex()
    spooled = tempfile.SpooledTemporaryFile(max_size=3)
    spooled.write(b"12345")
    return content, os.path.exists(file.name), spooled._rolled, tempfile.gettempdir(), os.path.isdir(tempfile.gettempdir())


def locks():
    with tempfile.NamedTemporaryFile() as file, open(file.name) as other:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            text = errno.errorcode[error.errno]
        fcntl.lockf(file, fcntl.LOCK_EX)
        return text


def lock_on_a_project_file():
    with open(DATA / "lines.txt") as one, open(DATA / "lines.txt") as two:
        fcntl.flock(one, fcntl.LOCK_EX)
        try:
            fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return "both"
        except BlockingIOError:
            return "refused"


def relative_paths():
    return (
        *(os.path.basename(os.getcwd()) != "", Path("machine/data/lines.txt").read_text(), os.path.exists("manage.py")),
        *(sorted(os.listdir("machine/data")), Path("machine").is_dir(), os.path.abspath("x") == os.path.join(os.getcwd(), "x")),
    )


def working_folder_changed():
    before = os.getcwd()
    os.chdir(DATA)
    try:
        return os.path.basename(os.getcwd()), open("lines.txt").read(), sorted(os.listdir()), Path("deep").resolve().name
    finally:
        os.chdir(before)


def written_beside_the_project():
    path = HERE.parent / "written.txt"
    path.write_text("w")
    try:
        return path.read_text(), path.exists()
    finally:
        path.unlink()


def new_folder_beside_the_project():
    folder = HERE.parent / "made" / "deep"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "x").write_text("x")
    found = sorted(str(each.relative_to(HERE.parent)) for each in folder.parent.rglob("*"))
    shutil.rmtree(folder.parent)
    return found, folder.parent.exists()


def own_folder_listed():
    return sorted(name for name in os.listdir(HERE) if not name.startswith("__pycache__"))


def top_folder_listed():
    return sorted(
        name for name in os.listdir(HERE.parent) if name not in ("__pycache__", "media") and "sqlite" not in name
    )


def path_names():
    return os.path.realpath(__file__) == __file__, Path(__file__).resolve().parts[-2:], os.path.isabs(__file__), HERE.parent.name != ""


def permission_bits():
    with tempfile.NamedTemporaryFile() as file:
        os.chmod(file.name, 0o640)
        os.utime(file.name, (1, 2))
        status = os.stat(file.name)
        return oct(status.st_mode), status.st_mtime, status.st_atime_ns


def umask():
    old = os.umask(0o27)
    os.umask(old)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "x").touch()
        return oct(old), oct(os.stat(Path(folder, "x")).st_mode)


def encodings():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ä☃").write_text("ü☃\n", encoding="utf-16")
        os.mkdir(os.fsencode(folder) + b"/\xff\xfe")
        return sorted(os.listdir(folder)), Path(folder, "ä☃").read_text(encoding="utf-16"), open(os.devnull).encoding


def small_formats():
    with tempfile.TemporaryDirectory() as folder:
        with shelve.open(os.path.join(folder, "shelf")) as shelf:
            shelf["x"] = [1]
        with shelve.open(os.path.join(folder, "shelf")) as shelf:
            value = shelf["x"]
        with gzip.open(os.path.join(folder, "x.gz"), "wt") as file:
            csv.writer(file).writerow(["a", "b,c", None])
        with gzip.open(os.path.join(folder, "x.gz"), "rt") as file:
            return value, file.read(), json.loads("[1e400]")[0] > 1


def file_input():
    with fileinput.input([DATA / "lines.txt", DATA / "deep" / "er" / "x.txt"]) as lines:
        return [(lines.filelineno(), line) for line in lines]


def tokenized():
    with tokenize.open(__file__) as file:
        return file.encoding, len(list(tokenize.generate_tokens(file.readline))) > 500


def pathlib_forms():
    return (
        *(pathlib.PurePosixPath("a/../b").as_posix(), Path(__file__).as_uri().startswith("file:///"), Path("~").expanduser() != Path("~")),
        *(Path(__file__).with_suffix(".x").name, Path(__file__).is_relative_to(HERE), DATA.is_mount(), DATA.owner() != ""),
        (DATA / "lines.txt").stat().st_dev == DATA.stat().st_dev,
    )


def disk_usage():
    usage = shutil.disk_usage(tempfile.gettempdir())
    return usage.total > 0, os.statvfs(tempfile.gettempdir()).f_bsize > 0, os.statvfs(DATA).f_bsize > 0


def polling():
    with tempfile.TemporaryDirectory() as folder:
        before = set(os.listdir(folder))
        Path(folder, "new").touch()
        return sorted(set(os.listdir(folder)) - before), os.stat(folder).st_mtime_ns >= 0


def read_only_project_file():
    try:
        with open(DATA / "lines.txt", "a") as file:
            pass
        return "opened"
    except OSError as error:
        return errno.errorcode[error.errno]


def fifo():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fifo")
        os.mkfifo(path)
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        os.write(descriptor, b"through")
        try:
            return os.read(descriptor, 10).decode(), stat.S_ISFIFO(os.stat(path).st_mode)
        finally:
            os.close(descriptor)
