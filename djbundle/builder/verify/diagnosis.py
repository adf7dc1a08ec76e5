"""Why something may fail in a visit although nothing is wrong with the bundle: what it wants is nowhere there."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from djbundle.builder.core.last_words import HARMLESS

UNREACHABLE = ("Name or service not known", "Temporary failure in name resolution", "Network is unreachable")
REFUSED = "Connection refused"
PARAMETER = "MultiValueDictKeyError"  # of a view that reads request.GET["name"]
DATABASE = "django.db."  # modules of what is raised by a database
CACHE = "CacheStandIn"  # see djbundle/stand_ins
NO_REDIS = "This backend does not support this feature"  # of django-redis, where the cache is not its own
NO_FILE = "No such file or directory"
NO_MODULE = "ModuleNotFoundError:"
ABSENT_PROGRAMS = "absent-programs"  # a file in the data directory: see runtime/trial.py


@dataclass(slots=True)
class Excuses:
    data: Path  # directory of the visited bundle
    servers: list[str] = field(default_factory=list)  # engines of databases that SQLite stands in for
    caches: list[str] = field(default_factory=list)  # backends that a cache in files stands in for

    def find(self, said: str, trace: str) -> str:
        """What is wanted and not there, if that is why something has failed; or ""."""
        if self.servers and said.startswith(DATABASE):
            return f"{self.wish()} ({said})"
        if CACHE in said or (self.caches and said.endswith(NO_REDIS)):
            return f"it wants more of its cache than what stands in for that has ({said})"
        if PARAMETER in said:
            return f"it wants a parameter ({said.rpartition(': ')[2]})"
        if program := self._absent_program(said, trace):
            return f"it starts the program {program}, which an empty root does not have"
        if any(word in trace for word in UNREACHABLE) or REFUSED in said:
            return f"it wants the network, which is not there ({said})"
        return ""

    def wish(self) -> str:
        return f"it wants {' and '.join(each.rpartition('.')[2] for each in self.servers)}, SQLite stood in for it"

    def _absent_program(self, said: str, trace: str) -> str:
        """One that the site has not found, and that the messages of its errors name; or ""."""
        noted = self.data / ABSENT_PROGRAMS
        if said.startswith(NO_MODULE) or not noted.exists():
            return ""
        messages = "\n".join([said, *(line for line in trace.splitlines() if line[:1].strip())])
        words = set(re.findall(r"[\w+-]+(?:\.[\w+-]+)*", messages.partition(HARMLESS)[0].replace(NO_FILE, "")))
        return next((each for each in noted.read_text().splitlines() if Path(each).name in words), "")
