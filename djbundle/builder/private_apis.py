"""The private parts of other packages that djbundle uses, and the versions of these packages that were tried.

A private part may change with any version, without notice. So a build refuses a version that was never tried, before
the bundle can fail on a server. A test of the suite looks for each name; ``ci/newest`` does so in the newest versions.
"""

import os
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet

from djbundle.builder.project.installed import distribution
from djbundle.errors import UnsupportedVersionError

UNTRIED_VARIABLE = "DJBUNDLE_UNTRIED"  # set by ci/newest, which tries them


@dataclass(frozen=True, slots=True)
class PrivateApi:
    """The names of a distribution that djbundle uses, and where it does so."""

    distribution: str
    tried: str  # versions, as pyproject.toml has them
    module: str
    names: tuple[str, ...]  # attributes of the module, with a dot those of a class
    user: str  # the file of djbundle, relative to the package


GRANIAN = ("granian", ">=2.8.7,<2.9")
NUITKA = ("nuitka", ">=4.3.3,<4.4")
SERVESTATIC = ("servestatic", ">=4.4,<4.5")

SERVER, FILES = "runtime/http/server.py", "runtime/files/static_files.py"
PRIVATE_APIS = (
    PrivateApi(
        *GRANIAN,
        "granian._granian",
        (
            "ASGIWorker.serve_mtr",
            "ASGIWorker.serve_mtr_uds",
            "CallbackScheduler",
            "SocketHolder",
            "WorkerSignal.add_cb",
        ),
        SERVER,
    ),
    PrivateApi(*GRANIAN, "granian._loops", ("loops.get",), SERVER),
    PrivateApi(
        *GRANIAN, "granian.constants", ("HTTPModes.auto", "Loops.auto", "SSLProtocols"), "runtime/http/server.py"
    ),
    PrivateApi(*GRANIAN, "granian.http", ("HTTP1Settings", "HTTP2Settings"), SERVER),
    PrivateApi(
        *SERVESTATIC,
        "servestatic.responders",
        (
            *("NOT_ALLOWED_RESPONSE", "NOT_MODIFIED_HEADERS", "MissingFileError", "NotARegularFileError", "Response"),
            *("StaticFile.get_headers", "StaticFile.get_alternatives", "StaticFile.get_path_and_headers"),
            "StaticFile.is_not_modified",
        ),
        "runtime/files/ranged_file.py",
    ),
    PrivateApi(
        *SERVESTATIC,
        "servestatic.base",
        ("ServeStaticBase.add_mime_headers", "ServeStaticBase.add_cache_headers", "ServeStaticBase.find_file"),
        "runtime/files/uploads.py",
    ),
    PrivateApi(
        *SERVESTATIC, "servestatic.asgi", ("FileServerASGI", "ServeStaticASGI"), "runtime/files/static_files.py"
    ),
    PrivateApi(*SERVESTATIC, "servestatic.wsgi", ("FileServerWSGI", "ServeStatic"), FILES),
    PrivateApi(*SERVESTATIC, "servestatic.utils", ("decode_path_info",), "runtime/files/uploads.py"),
    PrivateApi(
        *NUITKA,
        "nuitka.plugins.PluginBase",
        ("NuitkaPluginBase.onGeneratedSourceCode", "NuitkaPluginBase.sysexit"),
        "builder/native/nuitka_plugin.py",
    ),
)
NUITKA_FILES = {  # relative to Nuitka's package
    "build/static_src": "builder/native/recursion.py",
    "build/inline_copy/zstd": "builder/native/compiler.py",
}


def check_private_apis() -> None:
    """Refuse a version of a package whose private parts are used and that was never tried."""
    if os.environ.get(UNTRIED_VARIABLE):
        return
    for name, tried in {each.distribution: each.tried for each in PRIVATE_APIS}.items():
        version = distribution(name).version
        if not SpecifierSet(tried, prereleases=True).contains(version):
            raise UnsupportedVersionError(
                f"{name} {version} was never tried with djbundle, which uses private parts of it",
                f'install a version that was:  pip install "{name}{tried}"',
            )
