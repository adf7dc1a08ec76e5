"""Time, locale, random, sockets, libraries and what describes the machine."""

import calendar
import ctypes
import ctypes.util
import datetime
import decimal
import email.utils
import gc
import getpass
import grp
import hashlib
import hmac
import importlib.machinery
import io
import locale
import logging
import math
import os
import platform
import pwd
import random
import resource
import secrets
import select
import site
import socket
import sqlite3
import ssl
import statistics
import struct
import sys
import sysconfig
import tempfile
import time
import unicodedata
import urllib.error
import urllib.request
import uuid
import warnings
import zlib
import zoneinfo


def zones():
    return (
        *(time.tzname, time.timezone, os.environ.get("TZ"), time.localtime(1720000000).tm_hour, time.strftime("%Z", time.localtime(0))),
        *(str(datetime.datetime.fromtimestamp(1720000000)), str(datetime.datetime.fromtimestamp(0).astimezone())),
        time.mktime((2024, 7, 1, 12, 0, 0, 0, 0, -1)),
    )


def zone_changed():
    old = os.environ.get("TZ")
    try:
        names = []
        for zone in ("Asia/Kathmandu", "EST5EDT", "UTC", "Europe/Berlin"):
            os.environ["TZ"] = zone
            time.tzset()
            names.append((time.strftime("%H:%M %z", time.localtime(1720000000)), time.tzname))
        return names
    finally:
        os.environ.pop("TZ", None) if old is None else os.environ.update(TZ=old)
        time.tzset()


def zone_files():
    return len(zoneinfo.available_timezones()) > 400, str(zoneinfo.ZoneInfo("Asia/Tokyo").utcoffset(datetime.datetime(2024, 1, 1)))


def zone_missing():
    try:
        zoneinfo.ZoneInfo("Not/There")
    except zoneinfo.ZoneInfoNotFoundError as error:
        return str(error)


def dates():
    return (
        *(datetime.date.fromisoformat("2024-W10-2"), datetime.datetime(2024, 3, 4).strftime("%A %B %c %x %X %p %G-%V %j")),
        *(datetime.datetime.strptime("4 Mar 2024", "%d %b %Y"), calendar.month_name[3], email.utils.formatdate(0)),
        datetime.timedelta(days=-1, seconds=3),
    )


def locales():
    return locale.setlocale(locale.LC_ALL), locale.getencoding(), locale.localeconv()["decimal_point"], sys.getfilesystemencoding()


def locale_set():
    results = []
    for name in ("C", "C.UTF-8", "de_DE.UTF-8", "xx_XX"):
        try:
            results.append(locale.setlocale(locale.LC_NUMERIC, name))
        except locale.Error as error:
            results.append(str(error))
    locale.setlocale(locale.LC_NUMERIC, "C")
    return results


def preferred_encoding():
    return locale.getpreferredencoding(), sys.stdout.encoding, sys.stdin is not None, sys.stderr.errors, io.text_encoding(None)


def python_flags():
    return (
        *(sys.flags.optimize, sys.flags.dev_mode, sys.flags.utf8_mode, sys.flags.hash_randomization, sys.flags.no_user_site),
        *(sys.flags.isolated, sys.flags.ignore_environment, sys.flags.bytes_warning, sys.flags.safe_path, sys.warnoptions),
        *(sys.dont_write_bytecode, sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()),
        *(sys.implementation.name, sys.platform, sys.byteorder, sys.maxsize, sys.float_info.dig, sys.hash_info.algorithm),
    )


def python_names():
    return sys.version_info[:2], sys.implementation.cache_tag, sys.abiflags, sys.platlibdir, sys.api_version, sys.copyright[:20]


def python_prefixes():
    return [os.path.isdir(each) for each in (sys.prefix, sys.exec_prefix, sys.base_prefix)], sys.prefix == sys.base_prefix


def standard_streams():
    return [type(each).__name__ for each in (sys.stdin, sys.stdout, sys.stderr)], sys.stdout.isatty(), sys.stdout.line_buffering


def sys_argv():
    return len(sys.argv) > 0, isinstance(sys.argv[0], str), sys.orig_argv[:0]


def standard_modules():
    return "ssl" in sys.stdlib_module_names, "_sqlite3" in sys.builtin_module_names, len(sys.builtin_module_names) > 20


def all_standard_modules_import():
    import importlib

    skipped = {"idlelib", "turtle", "turtledemo", "tkinter", "antigravity", "this", "test", "msilib", "winreg", "winsound"}
    failed = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sorted(sys.stdlib_module_names):
            if name[0] == "_" or name in skipped:
                continue
            try:
                importlib.import_module(name)
            except ImportError:
                failed.append(name)
    return failed


def odd_submodules():
    import importlib

    failed = []
    for name in (
        *("xml.etree.cElementTree", "concurrent.interpreters", "email.mime.text", "encodings.idna", "encodings.cp1252"),
        *("json.tool", "logging.config", "multiprocessing.dummy", "unittest.mock", "wsgiref.validate", "xmlrpc.client"),
        *("lib2to3", "distutils", "pip", "setuptools", "ensurepip", "venv", "pydoc_data.topics", "curses.panel", "dbm.sqlite3"),
        *("sqlite3.dump", "ctypes.macholib", "importlib.simple", "urllib.robotparser", "html.entities", "zoneinfo._tzpath"),
    ):
        try:
            importlib.import_module(name)
        except ImportError:
            failed.append(name)
    return failed


def sysconfig_():
    paths = sysconfig.get_paths()
    return sorted(paths), sysconfig.get_python_version(), sysconfig.get_config_var("EXT_SUFFIX"), sysconfig.get_platform(), os.path.isdir(paths["stdlib"])


def config_vars():
    return {name: sysconfig.get_config_var(name) for name in ("SOABI", "Py_GIL_DISABLED", "SIZEOF_VOID_P", "py_version_short")}


def purelib():
    return os.path.isdir(sysconfig.get_path("purelib")), os.path.isdir(os.path.join(sysconfig.get_path("purelib"), "django"))


def site_packages():
    return [os.path.isdir(each) for each in site.getsitepackages()], site.ENABLE_USER_SITE, isinstance(site.getusersitepackages(), str)


def platform_():
    return platform.system(), platform.machine(), platform.python_implementation(), platform.libc_ver()[0], platform.architecture()[0]


def python_build():
    return platform.python_version_tuple()[:2], isinstance(platform.python_compiler(), str), platform.python_branch()


def os_release():
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError as error:
        return str(error)


def users():
    entry = pwd.getpwuid(os.getuid())
    return getpass.getuser(), entry.pw_name, entry.pw_dir, grp.getgrgid(os.getgid()).gr_name, os.path.expanduser("~root")


def libraries():
    return [bool(ctypes.util.find_library(name)) for name in ("c", "m", "nope-at-all")]


def system_library():
    return bool(ctypes.util.find_library("z"))


def c_functions():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.close(-1)
    return libc.abs(-3), ctypes.get_errno(), ctypes.sizeof(ctypes.c_long), libc.strlen(b"four")


def c_library_by_name():
    return ctypes.CDLL("libc.so.6").abs(-4),


def c_callbacks():
    libc = ctypes.CDLL(None)
    values = (ctypes.c_int * 3)(3, 1, 2)
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    libc.qsort(values, 3, ctypes.sizeof(ctypes.c_int), compare(lambda a, b: a[0] - b[0]))
    return list(values)


def python_api():
    return ctypes.pythonapi.Py_IsInitialized(), ctypes.py_object({"a": 1}).value


def seeded_random():
    generator = random.Random("seed")
    return generator.random(), generator.sample(range(100), 3), generator.gauss(), random.Random(3).getrandbits(70), generator.choices("ab", k=3)


def random_differs():
    return random.random() != random.random(), len(secrets.token_hex()), uuid.uuid4() != uuid.uuid4(), os.urandom(3) != b"\0\0\0"


def uuids():
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, "example.com")), uuid.uuid1().version, str(uuid.UUID(int=5))


def resources():
    return (
        resource.getrlimit(resource.RLIMIT_CORE)[0] >= -1,
        resource.getrlimit(resource.RLIMIT_NPROC)[0] == resource.getrlimit(resource.RLIMIT_NPROC)[1],
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0,
        resource.getpagesize(),
    )


def open_files_limit():
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft


def stack_limit():
    return resource.getrlimit(resource.RLIMIT_STACK)


def sockets():
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    peer, _ = server.accept()
    with server, client, peer:
        client.sendall(b"ping")
        return peer.recv(9).decode(), select.select([], [client], [], 5)[1] == [client], server.family.name


def socket_pair_of_files():
    a, b = socket.socketpair()
    with a, b, tempfile.TemporaryFile() as file:
        file.write(b"sent file")
        file.seek(0)
        socket.send_fds(a, [b"x"], [file.fileno()])
        _, descriptors, _, _ = socket.recv_fds(b, 10, 1)
        text = os.pread(descriptors[0], 20, 0).decode()
        os.close(descriptors[0])
        return text


def unix_socket():
    with tempfile.TemporaryDirectory() as folder:
        server = socket.socket(socket.AF_UNIX)
        server.bind(f"{folder}/s")
        server.listen()
        client = socket.socket(socket.AF_UNIX)
        client.connect(f"{folder}/s")
        with server, client:
            return os.path.exists(f"{folder}/s"), client.getpeername().endswith("/s")


def names_of_hosts():
    return socket.gethostbyname("localhost"), sorted({each[4][0] for each in socket.getaddrinfo("127.0.0.1", 80)}), socket.getservbyname("https")


def host_missing():
    try:
        socket.gethostbyname("nothing.invalid")
    except socket.gaierror as error:
        return error.errno, str(error)


def connection_refused():
    try:
        urllib.request.urlopen("http://127.0.0.1:1/", timeout=5)
    except urllib.error.URLError as error:
        return str(error)


def tls_context():
    context = ssl.create_default_context()
    return context.verify_mode.name, context.check_hostname, context.minimum_version.name, context.options.value, len(context.get_ciphers()) > 5


def tls_authorities():
    context = ssl.create_default_context()
    return context.cert_store_stats()["x509_ca"] > 50 or len(os.listdir(ssl.get_default_verify_paths().capath or "/")) > 0


def tls_library():
    return ssl.HAS_TLSv1_3, ssl.HAS_ALPN, ssl.OPENSSL_VERSION_INFO[0]


def hashes():
    return (
        *(hashlib.sha256(b"x").hexdigest()[:8], hashlib.new("md5", b"x").hexdigest()[:8], hashlib.blake2b(b"x").hexdigest()[:8]),
        *(sorted(hashlib.algorithms_guaranteed), hashlib.pbkdf2_hmac("sha256", b"p", b"s", 10).hex()[:8], hmac.new(b"k", b"m", "sha1").hexdigest()[:8]),
        *(hashlib.scrypt(b"p", salt=b"s", n=16, r=1, p=1).hex()[:8], zlib.crc32(b"x"), struct.pack("<hq", 1, 2).hex()),
    )


def more_hashes():
    return sorted(hashlib.algorithms_available)


def sqlite_direct():
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(f"{folder}/x.db")
        connection.create_function("double", 1, lambda x: x * 2, deterministic=True)
        connection.row_factory = sqlite3.Row
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b JSON)")
        connection.execute("INSERT INTO t (b) VALUES (?)", ('{"k": [1, 2]}',))
        connection.commit()
        row = connection.execute("SELECT double(a) AS d, b->>'$.k[1]' AS j FROM t").fetchone()
        backup = sqlite3.connect(":memory:")
        connection.backup(backup)
        dumped = list(backup.iterdump())
        connection.close()
        return dict(row), dumped, sorted(os.listdir(folder))


def sqlite_features():
    connection = sqlite3.connect(":memory:")
    results = []
    for text in (
        "SELECT json_group_array(value) FROM json_each('[1,2]')",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "CREATE VIRTUAL TABLE r USING rtree(id, a, b)",
        "SELECT sqrt(4), 'a' LIKE 'A', upper('ä'), 1 IS NOT DISTINCT FROM NULL",
        "SELECT string_agg(value, '-') FROM json_each('[1,2]')",
        "CREATE VIRTUAL TABLE d USING dbstat",
        "SELECT * FROM pragma_table_info('f')",
        "SELECT load_extension('nope')",
        "SELECT \"double quoted\"",
        "PRAGMA foreign_keys",
        "PRAGMA journal_mode",
        "PRAGMA trusted_schema",
    ):
        try:
            results.append(connection.execute(text).fetchall())
        except sqlite3.Error as error:
            results.append(f"{type(error).__name__}: {error}")
    return results


def sqlite_settings():
    connection = sqlite3.connect(":memory:")
    return (
        *(sqlite3.threadsafety, sqlite3.apilevel, hasattr(connection, "enable_load_extension"), connection.isolation_level),
        *(connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER), connection.getlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT)),
        sqlite3.adapters.__class__.__name__,
    )


def sqlite_errors():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a UNIQUE)")
    connection.execute("INSERT INTO t VALUES (1)")
    try:
        connection.execute("INSERT INTO t VALUES (1)")
    except sqlite3.IntegrityError as error:
        return str(error), error.sqlite_errorname, error.sqlite_errorcode


def sqlite_in_the_project():
    path = os.path.join(os.path.dirname(__file__), "data", "odd.db")
    connection = sqlite3.connect(path)
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        return connection.execute("SELECT count(*) > 0 FROM t").fetchone(), os.path.exists(path)
    finally:
        connection.close()
        os.unlink(path)


def sqlite_threads():
    import threading

    connection = sqlite3.connect(":memory:")
    seen = []

    def work():
        try:
            connection.execute("SELECT 1")
        except sqlite3.ProgrammingError as error:
            seen.append(str(error).partition("The object")[0])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return seen


def garbage():
    class Cycle:
        pass

    cycle = Cycle()
    cycle.me = cycle
    del cycle
    return gc.isenabled(), gc.collect() > 0, gc.get_threshold(), gc.get_freeze_count() >= 0, gc.get_debug()


def reference_counts():
    values = [object()]
    return sys.getsizeof([]), sys.getsizeof(""), sys.intern("a b") is sys.intern("a b"), len(gc.get_referrers(values[0]))


def unicode():
    return unicodedata.name("☃"), unicodedata.normalize("NFC", "a\u0308"), unicodedata.unidata_version, "\N{SNOWMAN}"


def arithmetic():
    return (
        *(decimal.getcontext().prec, str(decimal.Decimal(1) / 3), math.fsum([0.1] * 10), math.isqrt(17), statistics.median([1, 9, 3])),
        *(math.gamma(5.5), math.sin(1e22), 2.0**0.5, math.nextafter(1.0, 2), 1e22 + 1, math.exp(1), math.log(10)),
    )


def warnings_state():
    return [(each[0], each[2].__name__) for each in warnings.filters if each[2] is not UserWarning][:8], sys.flags.warn_default_encoding


def root_logger():
    root = logging.getLogger()
    return logging.getLevelName(root.level), logging.raiseExceptions, logging.lastResort.level, logging.getLoggerClass().__name__


def root_handlers():
    return [type(each).__name__ for each in logging.getLogger().handlers]


def log_record_fields():
    seen = []

    class Keep(logging.Handler):
        def emit(self, record):
            seen.append(record)

    logger = logging.getLogger("machine.system")
    handler = Keep()
    logger.addHandler(handler)
    logger.error("%s", "argument", extra={"odd": 1})
    logger.removeHandler(handler)
    record = seen[0]
    return record.processName, record.threadName is not None, record.odd, record.funcName, record.filename, record.taskName


def log_of_levels():
    return [logging.getLogger(name).isEnabledFor(logging.INFO) for name in ("", "django", "django.request", "py.warnings", "asyncio")]


def monotonic_clocks():
    return time.get_clock_info("monotonic").adjustable, time.perf_counter() > 0, time.thread_time() >= 0, time.time() > 1e9


def cpu():
    return os.cpu_count(), os.process_cpu_count(), len(os.sched_getaffinity(0)), os.nice(0) >= -20


def system_facts():
    return os.sysconf("SC_PAGESIZE"), os.uname().sysname, os.pathconf("/tmp", "PC_NAME_MAX"), os.getloadavg()[0] >= 0, os.ctermid()


def terminal():
    import shutil

    try:
        size = os.get_terminal_size()
    except OSError as error:
        size = str(error)
    return tuple(shutil.get_terminal_size()), isinstance(size, str)


def input_is_at_its_end():
    try:
        return input("")
    except EOFError as error:
        return str(error)


def home():
    return bool(os.path.expanduser("~")), os.path.isabs(os.path.expanduser("~")), os.environ.get("HOME") == os.path.expanduser("~")


def environment_names():
    return sorted(
        name for name in os.environ if name.startswith(("PYTHON", "LD_", "DJANGO", "LC_", "GRANIAN", "OPENSSL", "SSL_", "TMP", "XDG"))
    )


def urls_of_files():
    path = os.path.join(os.path.dirname(__file__), "data", "lines.txt")
    with urllib.request.urlopen(f"file://{path}") as response:
        return response.read().decode(), response.headers["Content-length"], response.headers["Content-type"]


def mime_types():
    import mimetypes

    return [mimetypes.guess_type(f"x.{each}")[0] for each in ("html", "js", "svg", "webp", "woff2", "md", "docx", "csv", "tar.gz", "mjs")]


def encodings_of_text():
    return "ü€".encode("cp1252").hex(), "ü".encode("latin-1").hex(), "日本".encode("shift_jis").hex(), "bücher.de".encode("idna").decode(), "ab".encode("utf-7").decode(), b"YQ==".decode("ascii")


def parsers():
    import configparser
    import html
    import tomllib
    import xml.etree.ElementTree as tree
    from html.parser import HTMLParser  # noqa: F401

    parser = configparser.ConfigParser()
    parser.read_string("[a]\nb = %(c)s\nc = 1")
    return parser["a"]["b"], tomllib.loads("a = 1979-05-27")["a"], tree.fromstring("<a><b>ä</b></a>")[0].text, html.unescape("&auml;&notit;")


def extension_modules():
    import _decimal
    import _ssl

    return (
        *(type(_decimal.__loader__).__name__ if hasattr(_decimal, "__loader__") else None, bool(getattr(_ssl, "__file__", None))),
        importlib.machinery.EXTENSION_SUFFIXES[0],
    )
