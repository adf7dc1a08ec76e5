"""Find out why a correct bundle may fail in the crawl: it needs something that the sandbox does not have."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from djbundle.builder.core.tracebacks import CHECK_WARNINGS
from djbundle.contract import verification

UNREACHABLE = ("Name or service not known", "Temporary failure in name resolution", "Network is unreachable")
REFUSED = "Connection refused"
PARAMETER = "MultiValueDictKeyError"  # raised by request.GET["name"] in a view
DATABASE = "django.db."  # the modules of database errors
CACHE = "CacheStandIn"  # see djbundle/stand_ins
NO_REDIS = "This backend does not support this feature"  # django-redis's error if the cache is not its own
NO_FILE = "No such file or directory"
NO_MODULE = "ModuleNotFoundError:"


@dataclass(slots=True)
class Diagnosis:
    """The servers and programs that the sandbox of one crawl lacks."""

    data: Path  # the data directory of the crawled bundle
    servers: list[str] = field(default_factory=list)  # engines of the databases that SQLite replaces
    caches: list[str] = field(default_factory=list)  # backends of the caches that a file cache replaces

    def reason_for(self, message: str, trace: str) -> str:
        """Return what the site needed and the sandbox lacks, if that explains the failure; else ""."""
        if self.servers and message.startswith(DATABASE):
            return f"{self.missing_databases()} ({message})"
        if CACHE in message or (self.caches and message.endswith(NO_REDIS)):
            return f"it needs a function of its cache that the stand-in lacks ({message})"
        if PARAMETER in message:
            return f"it needs a parameter ({message.rpartition(': ')[2]})"
        if program := self._absent_program(message, trace):
            return f"it starts the program {program}, which an empty root does not have"
        if any(word in trace for word in UNREACHABLE) or REFUSED in message:
            return f"it needs the network, which is not there ({message})"
        return ""

    def missing_databases(self) -> str:
        return f"it needs {' and '.join(each.rpartition('.')[2] for each in self.servers)}, SQLite stood in for it"

    def _absent_program(self, message: str, trace: str) -> str:
        """Return a program that the site did not find and that its error messages name; or ""."""
        file = self.data / verification.ABSENT_PROGRAMS
        if message.startswith(NO_MODULE) or not file.exists():
            return ""
        messages = "\n".join([message, *(line for line in trace.splitlines() if line[:1].strip())])
        words = set(re.findall(r"[\w+-]+(?:\.[\w+-]+)*", messages.partition(CHECK_WARNINGS)[0].replace(NO_FILE, "")))
        return next((each for each in file.read_text().splitlines() if Path(each).name in words), "")
