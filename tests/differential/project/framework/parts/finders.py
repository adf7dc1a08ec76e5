import os

from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.utils import matches_patterns
from django.core.files.storage import FileSystemStorage

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "texts")


class TextFinder(BaseFinder):
    storage = FileSystemStorage(location=FOLDER)

    def check(self, **kw):
        return []

    def find(self, path, find_all=False):
        found = os.path.join(FOLDER, path)
        found = found if os.path.exists(found) else None
        return ([found] if found else []) if find_all else (found or [])

    def list(self, ignore_patterns):
        for name in sorted(os.listdir(FOLDER)):
            if not matches_patterns(name, ignore_patterns):
                yield name, self.storage
