"""A script in a folder that is no package."""

import sys

NAME = "job"
if __name__ == "__main__":
    print(NAME, sys.argv[1:])
