"""Names the ways in which the processes of a site come to its code: it is loaded once, or in each of them."""

from enum import StrEnum


class Loading(StrEnum):
    UNKNOWN = ""  # a version that does not report it
    ONCE = "once"
    EACH = "each"  # as --preload never says
    EACH_FOR_THREADS = "each-for-threads"  # since a fork would end threads of the site

    def __str__(self) -> str:
        return DESCRIPTIONS[self]


DESCRIPTIONS = {
    Loading.UNKNOWN: "",
    Loading.ONCE: "the site is loaded once, and its processes share it",
    Loading.EACH: "each process loads the site (--preload never)",
    Loading.EACH_FOR_THREADS: "each process loads the site, since the site starts threads; the log names them",
}
