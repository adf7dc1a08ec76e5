import sys

from . import __name__ as package

print(package, __name__, sys.argv[1:])
