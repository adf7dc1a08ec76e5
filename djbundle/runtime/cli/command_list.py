"""``./shop help``: all commands with a line for each, djbundle's own first."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from django.core.management import BaseCommand, load_command_class
from django.core.management.color import color_style

from djbundle.runtime.cli.commands import OWN_COMMANDS

MAX_SUMMARY = 90  # characters
OWN_APPS = ("djbundle.runtime", "djbundle.tasks")
SENTENCE = re.compile(r"(.+?[.!?])(\s|$)")


def command_list(program: str, commands: Mapping[str, object]) -> str:
    """Return the text. `commands` are those of Django's get_commands(): the app of each, by name."""
    by_title: defaultdict[str, dict[str, object]] = defaultdict(dict)
    for name, app in commands.items():
        by_title[title_of(app)][name] = app
    for name in OWN_COMMANDS:
        by_title["djbundle"][name] = None
    style, width = color_style(), max(map(len, [*commands, *OWN_COMMANDS]))
    lines = [f"{program} COMMAND [OPTIONS].  {program} help COMMAND  tells its options."]
    for title in sorted(by_title, key=lambda title: (title != "djbundle", title == "django", title)):
        lines += ["", style.NOTICE(f"[{title}]")]
        lines += lines_of(by_title[title], width)
    return "\n".join(lines)


def title_of(app: object) -> str:
    """Return the heading under which the commands of an app stand."""
    if app in OWN_APPS:
        return "djbundle"
    return "django" if app == "django.core" else str(app).rpartition(".")[2]


def lines_of(commands: Mapping[str, object], width: int) -> Iterator[str]:
    for name in sorted(commands):
        yield f"    {name:{width}}  {summary_of(name, commands[name])}".rstrip()


def summary_of(name: str, app: object) -> str:
    """Return the first sentence of a command's help; "" if the command cannot be loaded, which its use will tell."""
    if name in OWN_COMMANDS:
        return OWN_COMMANDS[name].help
    try:
        command = app if isinstance(app, BaseCommand) else load_command_class(str(app), name)
        text = " ".join(str(command.help).split())
    except Exception:
        return ""
    sentence = found[1] if (found := SENTENCE.match(text)) else text
    return sentence if len(sentence) <= MAX_SUMMARY else f"{sentence[: MAX_SUMMARY - 3].rpartition(' ')[0]}..."
