"""Times as users type them, and which backup they mean."""

import datetime

import pytest

from djbundle.errors import BackupError
from djbundle.runtime.backup import layout
from djbundle.runtime.backup.times import newest_before, parse_time
from djbundle.runtime.cli.backup.at import split

NOW = datetime.datetime(2026, 11, 30, 12, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", "2026-11-30T12:30+00:00"),
        ("yesterday", "2026-11-29T12:30+00:00"),
        ("3h", "2026-11-30T09:30+00:00"),
        ("45 min ago", "2026-11-30T11:45+00:00"),
        ("2d", "2026-11-28T12:30+00:00"),
        ("2026-11-29", "2026-11-29T23:59:59.999999+00:00"),
        ("2026-11-29 15:30", "2026-11-29T15:30+00:00"),
        ("2026-11-29T15:30+02:00", "2026-11-29T15:30+02:00"),
        ("20261129T030000Z", "2026-11-29T03:00+00:00"),
    ],
)
def test_times(text: str, moment: str) -> None:
    assert parse_time(text, NOW) == datetime.datetime.fromisoformat(moment)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "99999h", "3 weeks"])
def test_no_times(text: str) -> None:
    with pytest.raises(BackupError, match="is no time"):
        parse_time(text, NOW)


def test_the_newest_from_before() -> None:
    hour = datetime.timedelta(hours=1)
    older, newer = (layout.file_name("shop", NOW - number * hour, is_encrypted=number == 2) for number in (2, 1))
    names = [older, newer, f"{newer}.sha256", "other-20200101T000000Z.tar.zst"]
    assert newest_before(names, "shop", NOW) == newer
    assert newest_before(names, "shop", NOW - hour) == newer
    assert newest_before(names, "shop", NOW - 1.5 * hour) == older
    assert newest_before(names, "shop", NOW - 3 * hour) is None


@pytest.mark.parametrize(
    ("words", "own", "command"),
    [
        ("yesterday serve --bind :80", "yesterday", "serve --bind :80"),
        (
            "yesterday --from s3://b/shop --identity=k dumpdata x",
            "yesterday --from s3://b/shop --identity=k",
            "dumpdata x",
        ),
        ("--from backups 3h shell -c pass", "--from backups 3h", "shell -c pass"),
        ("yesterday --from", "yesterday --from", ""),
        ("yesterday", "yesterday", ""),
        ("", "", ""),
    ],
)
def test_where_the_command_begins(words: str, own: str, command: str) -> None:
    assert split(words.split()) == (own.split(), command.split())
