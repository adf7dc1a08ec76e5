"""djbundle: a Django project as one executable file."""

__version__ = "0.1.0"
