"""The errors of djbundle, one class for each cause.

Each error has one line of cause and one line of fix for the user. Each class has its own exit code, so that a script
can distinguish them without reading English. The codes of the launcher are in contract/exit_codes.py.
"""

from djbundle.errors.base import DjbundleError as DjbundleError
from djbundle.errors.build import *  # noqa: F403
from djbundle.errors.running import *  # noqa: F403
