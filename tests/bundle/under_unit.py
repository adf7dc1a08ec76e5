"""Run a program under the system call filters of a systemd unit, as systemd sets them up.

    python under_unit.py UNIT PROGRAM...

It applies SystemCallFilter with its groups, as systemd-analyze(1) lists them, and RestrictAddressFamilies.
"""

import errno
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pyseccomp as seccomp

CALL = re.compile(r"^ {4}(@?[a-z]\w*(?:-\w+)*)$", re.MULTILINE)


def main() -> None:
    unit, *command = sys.argv[1:]
    restrict(Path(unit).read_text())
    os.execv(command[0], command)


def restrict(unit: str) -> None:
    """Restrict this process and all that it starts to what the unit allows."""
    allowed: set[str] = set()
    for value in values_of(unit, "SystemCallFilter"):
        names = {call for name in value.removeprefix("~").split() for call in calls_of(name)}
        allowed = allowed - names if value.startswith("~") else allowed | names
    refused = seccomp.ERRNO(getattr(errno, *values_of(unit, "SystemCallErrorNumber")))
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.ENOSYS))  # calls that systemd does not know
    for call in calls_of("@known") - {"socket"}:
        add_rule(rules, seccomp.ALLOW if call in allowed else refused, call)
    for family in " ".join(values_of(unit, "RestrictAddressFamilies")).split():
        rules.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, getattr(socket, family)))
    rules.load()


def values_of(unit: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


def calls_of(name: str) -> set[str]:
    """Return this call, or all calls of the group and its subgroups."""
    if not name.startswith("@"):
        return {name}
    command = ["systemd-analyze", "syscall-filter", "--no-pager", name]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {call for each in CALL.findall(output) for call in calls_of(each)}


def add_rule(rules: seccomp.SyscallFilter, action: int, call: str) -> None:
    try:
        rules.add_rule(action, call)
    except (OSError, ValueError):  # a call of another architecture
        return


if __name__ == "__main__":
    main()
