"""A Nuitka plugin: it lets djbundle change the generated C before it is compiled."""

from pathlib import Path

import nuitka
from nuitka.plugins.PluginBase import NuitkaPluginBase

from djbundle.builder.native.recursion import UnknownCodeError, check_recursion

STATIC = Path(nuitka.__file__).parent / "build" / "static_src"


class DjbundlePlugin(NuitkaPluginBase):  # type: ignore[misc]
    plugin_name = __file__  # Nuitka's convention for user plugins

    def onGeneratedSourceCode(self, source_dir: str, onefile: bool) -> None:  # noqa: N802, ARG002 - Nuitka's name
        try:
            check_recursion(Path(source_dir), STATIC)
        except UnknownCodeError as error:
            self.sysexit(f"error: djbundle does not know the C of this version of Nuitka: {error}")
