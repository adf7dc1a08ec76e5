"""The options of ``serve`` about backups."""

from argparse import ArgumentParser, ArgumentTypeError

from djbundle.common.bucket_url import NAME, BucketUrl
from djbundle.errors import BackupError
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
    parser.add_argument(
        "--copy-backups-to",
        type=parse_bucket,
        metavar="s3://BUCKET/PREFIX",
        help="copy each backup to this bucket, where as many are kept; needs boto3, and AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY in the environment",
    )


def parse_bucket(text: str) -> str:
    try:
        BucketUrl.parse(text, NAME, BackupError)
    except BackupError as error:
        raise ArgumentTypeError(f"{error.cause}; {error.fix}") from error
    return text


def parse_keep(text: str) -> Retention:
    numbers = text.split(",")
    if len(numbers) != len(Retention._fields) or not all(each.isdecimal() for each in numbers):
        raise ArgumentTypeError(f'"{text}" are not three numbers; write them as in 24,7,4')
    return Retention(*map(int, numbers))
