"""``./shop env set|list|unset``: the environment variables of the site, kept in its data directory."""

import getpass
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from djbundle.errors import OptionError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.data_directory import create_data_directory
from djbundle.runtime.logs.masking import MASK
from djbundle.runtime.options.parser import parse_options
from djbundle.runtime.process.lock import is_served
from djbundle.runtime.process.site_variables import (
    FILE,
    change_variables,
    check_name,
    read_variables,
    stored_names,
)


def add_env_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("set", "list", "unset"),
        help="set: store a variable for `serve` and all commands; list: names, masked, and where they are read;"
        " unset: forget one. The environment of a process wins over what is stored",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="for set also NAME=VALUE, which other users of the machine may see meanwhile; else the value is asked for,"
        " or read from the standard input if that is no terminal",
    )
    parser.add_argument("--show", metavar="NAME", help="with list: print the value of this one variable")
    parser.add_argument("--json", action="store_true", help="with list: print JSON")


def run_env(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "env", arguments, add_env_options)
    if options.action == "list":
        print(value_of(bundle, options.show) if options.show else listing(bundle, options))
        return 0
    if not options.names:
        raise OptionError(f"{options.action} which variable?", f"{bundle.program} env {options.action} NAME")
    words = [name.partition("=") for name in options.names]
    for name, _, _ in words:
        check_name(name)
    if options.action == "set":
        changes: dict[str, str | None] = {name: value if sign else ask_for(name) for name, sign, value in words}
    else:
        changes = {name: None for name, _, _ in words}
    store(bundle, changes)
    return 0


def store(bundle: Bundle, changes: dict[str, str | None]) -> None:
    """Store or remove variables, and say what that means. Raise OptionError for one to remove that is not stored."""
    create_data_directory(bundle.data)
    stored = read_variables(bundle.data)
    if unknown := [name for name, value in changes.items() if value is None and name not in stored]:
        raise OptionError(f"{unknown[0]} is not stored", f"{bundle.program} env list  shows what is")
    change_variables(bundle.data, changes)
    for name, value in changes.items():
        print(f"{name} is {'forgotten' if value is None else 'stored'}")
        if value is not None and name in os.environ and name not in stored_names(bundle.data):
            print(f"  this command has another {name} in its environment, which wins over the stored one")
    if is_served(bundle.data):
        print(f"the running site takes that up with:  {bundle.program} restart")


def ask_for(name: str) -> str:
    """Return a value that is typed unseen, or comes from the standard input. Raise OptionError if there is none."""
    value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n")
    if not value:
        raise OptionError(f"{name} got no value", f"give one; an empty one is  env set {name}=")
    if "\0" in value:
        raise OptionError(f"the value of {name} has a zero byte, which no variable can have", "give it as text")
    return value


def value_of(bundle: Bundle, name: str) -> str:
    stored = read_variables(bundle.data)
    if name not in stored:
        raise OptionError(f"{name} is not stored", f"{bundle.program} env list  shows what is")
    return stored[name]


def listing(bundle: Bundle, options: Namespace) -> str:
    """Return a line for each variable that is stored, or that the settings read. No value is in it."""
    rows = rows_of(bundle)
    if options.json:
        return json.dumps(rows, indent=1)
    if not rows:
        return "nothing is stored, and the settings read no variable"
    width = max(len(row["name"]) for row in rows)
    return "\n".join(f"{row['name']:{width}}  {row['value'] or 'not set':8}  # {describe(row)}" for row in rows)


def rows_of(bundle: Bundle) -> list[dict[str, Any]]:
    known = {each.name: each for each in bundle.manifest.variables}
    rows = []
    for name in sorted({*read_variables(bundle.data), *known}):
        variable, source = known.get(name), source_of(bundle, name)
        place, needed = (variable.place, variable.needed) if variable else ("", False)
        rows.append({"name": name, "value": MASK if source else "", "source": source, "needed": needed, "place": place})
    return rows


def source_of(bundle: Bundle, name: str) -> str:
    """Return where the value of a variable comes from: the file, the environment of this process, or nowhere."""
    if name in os.environ and name not in stored_names(bundle.data):
        return "environment"
    return FILE if name in os.environ else ""


def describe(row: dict[str, Any]) -> str:
    use = f"{'needed' if row['needed'] else 'optional'}, {row['place']}" if row["place"] else "no setting reads it"
    return f"{use}; from {row['source']}" if row["source"] else use
