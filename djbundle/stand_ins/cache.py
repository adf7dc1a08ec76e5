"""A cache for the time of an inspection or a crawl."""

from django.core.cache.backends.filebased import FileBasedCache


class CacheStandIn(FileBasedCache):
    """A file cache under its own name.

    The name appears in the error of a project that needs more of its cache than Django's own functions.
    """
