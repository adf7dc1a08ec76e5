"""A Nuitka plugin: it lets djbundle change the generated C before it is compiled."""

import os
from pathlib import Path

import nuitka
from nuitka.plugins.PluginBase import NuitkaPluginBase

from djbundle.builder.native.recursion import UnknownCodeError, check_recursion

STATIC = Path(nuitka.__file__).parent / "build" / "static_src"


# Packages that stay bytecode. Nuitka compiles them all the same, because it would leave out all that is in them.
EMPTY = frozenset(
    os.environ.get("DJBUNDLE_EMPTY_PACKAGES", "").split()
)  # set by the build: packages to compile without their code


class DjbundlePlugin(NuitkaPluginBase):  # type: ignore[misc]
    plugin_name = __file__  # Nuitka's convention for user plugins

    def onModuleSourceCode(self, module_name: object, source_filename: str, source_code: str) -> str:  # noqa: N802, ARG002
        return "" if str(module_name) in EMPTY else source_code

    def onGeneratedSourceCode(self, source_dir: str, onefile: bool) -> None:  # noqa: N802, ARG002 - Nuitka's name
        try:
            check_recursion(Path(source_dir), STATIC)
        except UnknownCodeError as error:
            self.sysexit(f"error: djbundle does not know the C of this version of Nuitka: {error}")
