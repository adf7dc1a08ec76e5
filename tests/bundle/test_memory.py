"""The processes of a site share what it has loaded: a fork that only reads it copies nothing."""

from tests.support.site import Site

IMMORTAL = """
import gc, sys, _immortal

class Plain:
    pass

class Ending:
    def __del__(self):
        print("ended")

def generate():
    try:
        yield
    finally:
        print("left")

plain, ending, generated, words = Plain(), Ending(), generate(), ("a", ["b"])
next(generated)
print(_immortal.make_all_immortal() > 1000, _immortal.make_all_immortal() < 100)
print(sys.getrefcount(plain) == sys.getrefcount(words) == sys.getrefcount(words[1]))
words[1].append(plain)
print(len(words[1]))
del plain, ending, generated, words
gc.collect()
"""
USING = """
import gc, os, re, _immortal
from pathlib import Path

def written():
    "Kilobytes that a child writes to which holds everything for a moment."
    reader, writer = os.pipe()
    if not os.fork():
        held = gc.get_objects()
        text = Path("/proc/self/smaps_rollup").read_text()
        os.write(writer, re.search(r"Private_Dirty: +([0-9]+)", text)[1].encode())
        os._exit(0)
    os.wait()
    return int(os.read(reader, 20))

import django
django.setup()
before = written()
_immortal.make_all_immortal()
print(before, written())
"""
TIDYING = """
import re
from pathlib import Path
from djbundle.runtime.process import memory
from djbundle.common import periodic

def kept():
    "Kilobytes of the archive that are unpacked for all processes."
    shared = Path("/proc/self/smaps").read_text().partition("rw-s")[2].split("rw-s")
    return max(int(re.search(r"Rss: +([0-9]+)", each)[1]) for each in shared if "/dev/zero" in each.splitlines()[0])

def read():
    return [file.read_bytes() for file in sorted(Path("/djb/django/contrib").rglob("*.pyc"))]

tidy, before, now = memory.trimmer(), read(), periodic.steady()
full = kept()
tidy()
print(kept() == full > 1000)
periodic.steady = lambda: now + memory.ARCHIVE_KEPT
tidy()
print(kept() < full / 10, read() == before)
"""


def test_what_lasts_is_as_before_and_what_has_an_end_ends(open_shop: Site) -> None:
    assert open_shop.run("-c", IMMORTAL).stdout.split() == ["True", "True", "True", "2", "ended", "left"]


def test_what_was_unpacked_is_given_back_and_unpacked_again(open_shop: Site) -> None:
    assert open_shop.run("-c", TIDYING).stdout.split() == ["True", "True", "True"]


def test_child_that_uses_everything_copies_little(open_shop: Site) -> None:
    before, after = map(int, open_shop.run("-c", USING).stdout.split())
    assert after < before / 2
