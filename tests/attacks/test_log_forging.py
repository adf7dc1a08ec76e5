"""Strangers cannot start a line in the log, control a terminal, or hide anything from the reader."""

import json
import re
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from djbundle.errors import UnhealthyError
from djbundle.runtime.cli.main import print_error
from djbundle.runtime.logs.formats import FORMATS, Line, for_people
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.waiting import wait_until

FORGED = "2026-11-29T00:00:00.000Z ERROR   serve: forged"
NASTY = f"before\n{FORGED}\r\x1b[2J\x9b2J\x85{FORGED}\u2028{FORGED}\u202e\x00\x07\x08<0>"
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")  # all but \t and \n

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.text("\n\r\x1b\x85\u2028\x0b\x0c a<0>")


@given(source=texts, message=texts, value=texts, trace=texts)
@example(source=NASTY, message=NASTY, value=NASTY, trace=NASTY)
def test_only_one_line_begins(source: str, message: str, value: str, trace: str) -> None:
    """This holds in each log format; the lines of a traceback are indented, so they look like no log line."""
    line = Line(0.0, "info", source, message, {"path": value}, trace)
    formats = dict(FORMATS)
    formats["people"] = partial(for_people, colour=False)
    for name, form in formats.items():
        line_text = form(line)
        assert not UNSEEN.search(line_text), name
        _first, *rest = line_text.split("\n")
        if name in ("json", "logfmt"):
            assert rest == []
        else:
            begin = "<6>    " if name == "journal" else "    "
            assert all(each.startswith(begin) for each in rest), name


@given(texts)
def test_json_is_still_what_was_said(text: str) -> None:
    fields = json.loads(FORMATS["json"](Line(0.0, "info", "shop", text, {"path": text}, text)))
    assert (fields["msg"], fields["path"], fields.get("trace", "")) == (text, text, text)


def test_errors_are_two_lines(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The cause may quote what another process has sent: one at the control socket, a file, a server."""
    monkeypatch.setenv("SHOP_DSN", "s3cret-of-the-shop")
    print_error(UnhealthyError(f"{NASTY} s3cret-of-the-shop", NASTY))
    output = capfd.readouterr().err
    assert len(output.splitlines()) == 2
    assert not UNSEEN.search(output)
    assert "s3cret" not in output


@pytest.mark.parametrize("form", ["text", "journal"])
def test_traceback_that_quotes_a_stranger(new_small: NewSite, form: str) -> None:
    """The page fails for a path that the client sent, and its error quotes the path."""
    name = "%0A2026-11-29T00:00:00.000Z%20ERROR%20%20%20serve:%20forged%0D%1b[2J%C2%9b"
    with new_small("--log-format", form) as site:
        assert Customer(site.url).get(f"/slow/?begun=/nowhere/{name}/x&seconds=0").status == 500
        wait_until(lambda: "FileNotFoundError" in site.log.read_text(), "the traceback is told")
        log = site.log.read_text()
    assert "forged" in log
    assert not re.search(r"^(<\d>)?2026-11-29T00:00:00\.000Z", log, re.MULTILINE)
    assert not UNSEEN.search(log)
