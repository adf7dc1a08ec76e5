"""``./shop basic-auth NAME``: print a line for the file of ``serve --basic-auth``."""

import getpass
import secrets
import sys
from argparse import ArgumentParser

from djbundle.errors import OptionError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.options.parser import parse_options


def add_basic_auth_options(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="who logs in; the password is asked for, or read from a pipe")


def run_basic_auth(bundle: Bundle, arguments: list[str]) -> int:
    name = parse_options(bundle.program, "basic-auth", arguments, add_basic_auth_options).name
    if not name.strip() or ":" in name or name.startswith("#") or not name.isprintable():
        raise OptionError(f'"{name}" is no name for a login', "choose one without a colon")
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise OptionError("there is no password", f"type one, or write it to a pipe: {bundle.program} basic-auth NAME")
    from django.contrib.auth.hashers import ScryptPasswordHasher  # noqa: PLC0415 - other commands need no Django

    print(f"{name.strip()}:{ScryptPasswordHasher().encode(password, secrets.token_hex(16))}")
    return 0
