"""A cache for as long as a project is looked at."""

from django.core.cache.backends.filebased import FileBasedCache


class CacheStandIn(FileBasedCache):
    """Its name is in the error of a project that wants more of its cache than Django's own functions."""
