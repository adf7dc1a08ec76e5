"""The options of ``serve`` about backups."""

from argparse import ArgumentParser, ArgumentTypeError

from djbundle.runtime.backup.policy import Frequency, Retention


def add_backup_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--backups",
        choices=[*Frequency],
        default=Frequency.NIGHTLY,
        help="how often to back up the SQLite databases and the uploads, to the folder backups of the data directory:"
        " at 3:00 UTC, or each full hour; default: %(default)s",
    )
    parser.add_argument(
        "--keep-backups",
        type=parse_keep,
        default="24,7,4",
        metavar="HOURLY,DAILY,WEEKLY",
        help="the newest backup of so many hours, days and weeks stays; default: %(default)s",
    )


def parse_keep(text: str) -> Retention:
    numbers = text.split(",")
    if len(numbers) != len(Retention._fields) or not all(each.isdecimal() for each in numbers):
        raise ArgumentTypeError(f'"{text}" are not three numbers; write them as in 24,7,4')
    return Retention(*map(int, numbers))
