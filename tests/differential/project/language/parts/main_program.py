"""Documented."""

import json
import sys

if __name__ == "__main__":
    print(json.dumps([__name__, __package__, __spec__.name if __spec__ else None, sys.argv[1:], __doc__]))
