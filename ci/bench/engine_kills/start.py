"""Starts a command of Django in a process whose name tells its children from it."""

import sys
from pathlib import Path

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    Path("/proc/self/comm").write_text(f"kills {sys.argv[1]}")
    execute_from_command_line(["manage.py", *sys.argv[1:]])
