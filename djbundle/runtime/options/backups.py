"""The options of ``serve`` about backups."""

import re
from argparse import ArgumentParser, ArgumentTypeError

from djbundle.common.bucket_url import NAME, BucketUrl
from djbundle.errors import BackupError
from djbundle.runtime.backup.policy import Frequency, Retention
from djbundle.runtime.backup.stores.sftp_url import SCHEME as SFTP
from djbundle.runtime.backup.stores.sftp_url import SftpUrl

RECIPIENT = re.compile("age1[02-9ac-hj-np-z]{58}")  # Bech32 of 32 bytes


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
        type=parse_store,
        metavar="URL",
        help="copy each backup there, where as many are kept: s3://BUCKET/PREFIX, which needs boto3 and the variables"
        " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or sftp://USER@HOST/FOLDER, which needs asyncssh",
    )
    parser.add_argument(
        "--no-backup-proof",
        dest="backup_proof",
        action="store_false",
        help="do not restore a backup beside the site each night, to prove that it works",
    )
    add_recipient(parser, "--backup-recipient", "encrypt each backup to this public key")


def add_recipient(parser: ArgumentParser, name: str, what: str) -> None:
    parser.add_argument(
        name,
        dest="backup_recipients",
        action="append",
        type=parse_recipient,
        default=[],
        metavar="age1...",
        help=f"{what} of age, of which `age-keygen` makes a pair; may be given again: any one private key decrypts it;"
        " needs pyrage",
    )


def parse_recipient(text: str) -> str:
    if not RECIPIENT.fullmatch(text):
        raise ArgumentTypeError("a public key of age begins with age1, and has 62 characters")
    return text


def parse_store(text: str) -> str:
    try:
        if text.startswith(f"{SFTP}://"):
            SftpUrl.parse(text)
        else:
            BucketUrl.parse(text, NAME, BackupError)
    except BackupError as error:
        raise ArgumentTypeError(f"{error.cause}; {error.fix}") from error
    return text


def parse_keep(text: str) -> Retention:
    numbers = text.split(",")
    if len(numbers) != len(Retention._fields) or not all(each.isdecimal() for each in numbers):
        raise ArgumentTypeError(f'"{text}" are not three numbers; write them as in 24,7,4')
    return Retention(*map(int, numbers))
