"""The TLS options: any input is accepted, or refused as argparse refuses."""

import contextlib
import re
import string
from argparse import ArgumentTypeError
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from djbundle.errors import OptionError, TlsMissingError
from djbundle.runtime.options import tls as options
from djbundle.runtime.options.serve import parse_serve_options
from djbundle.runtime.options.tls import decode_base64url, parse_directory, parse_domain, parse_email

DOMAIN = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
FLAGS = {
    "--domain": st.sampled_from(["shop.test", "www.shop.test", "münchen.test", "localhost", "*.test", ""]),
    "--tls": st.sampled_from(["internal", "external"]),
    "--tls-cert": st.just("a.pem"),
    "--tls-key": st.just("b.pem"),
    "--http-bind": st.sampled_from([":80", "80", "unix:/a"]),
    "--hsts": st.sampled_from(["1", "-1", "nan", "9" * 5000]),
    "--acme-directory": st.sampled_from(["https://ca.test/dir", "http://ca.test/dir", "https://", "file:///etc"]),
    "--acme-email": st.sampled_from(["me@shop.test", "me", "a@b,c@d"]),
    "--acme-eab-kid": st.just("kid"),
    "--acme-eab-hmac-key": st.sampled_from(["a2V5", "*"]),
}
WORDS = st.one_of(*(st.tuples(st.just(flag), value) for flag, value in FLAGS.items()))
near = st.text(string.ascii_lowercase + string.digits + "-_.@:/[]%\\\n\0 üßＡ。\u200d")


@given(st.text() | near)
@example("xn--a.test")
@example("a" * 64 + ".test")
@example(".".join(["a"] * 200))
@example("1.2.3.4")
def test_domain(text: str) -> None:
    name = taken(parse_domain, text)
    if name is not None:
        assert DOMAIN.fullmatch(name)
        assert len(name) <= 253
        assert parse_domain(name) == name


@given(st.text() | near.map("https://{}".format))
@example("https://[")
@example("https://a:b/")
@example("https://a:99999/")
@example("HTTPS://a/")
@example("https://a\nb")
def test_directory(text: str) -> None:
    url = taken(parse_directory, text)
    if url is not None:
        assert url.startswith("https://")
        assert urlsplit(url).hostname
        assert " " not in url
        assert url.isprintable()


@given(st.text() | near)
def test_email(text: str) -> None:
    address = taken(parse_email, text)
    if address is not None:
        assert re.fullmatch(r"[!-~]+@[A-Za-z0-9.-]+", address)


@given(st.text() | near)
def test_base64url(text: str) -> None:
    try:
        decode_base64url(text)
    except ValueError:
        return
    assert text.isascii()


@given(st.lists(WORDS, max_size=5))
def test_any_options_together(words: list[tuple[str, str]]) -> None:
    with contextlib.suppress(OptionError):
        tls = parse_serve_options("shop", [word for pair in words for word in pair]).tls
        if tls is None:
            return
        assert (tls.source == "files") == (tls.files is not None)
        assert tls.source != "acme" or tls.domains
        assert tls.directory.startswith("https://")


def test_more_names_than_a_certificate_has() -> None:
    with pytest.raises(OptionError, match="100 names at most"):
        parse_serve_options("shop", [word for number in range(101) for word in ("--domain", f"{number}.shop.test")])


@pytest.mark.parametrize(
    ("words", "given"), [(["--domain", "shop.test"], "--domain"), (["--tls", "internal"], "--tls internal")]
)
def test_bundle_without_what_makes_certificates(monkeypatch: pytest.MonkeyPatch, words: list[str], given: str) -> None:
    monkeypatch.setattr(options, "PACKAGES", ("no_such_package",))
    with pytest.raises(TlsMissingError, match=f"built with `tls = false`, so {given} can get no certificate"):
        parse_serve_options("shop", words)
    assert parse_serve_options("shop", ["--tls-cert", "a.pem"]).tls is not None


def taken(parse: Callable[[str], str], text: str) -> str | None:
    try:
        return parse(text)
    except ArgumentTypeError:
        return None


@pytest.mark.parametrize("words", [["--acme-email", "a@shop.example"], ["--acme-directory", "https://ca.example/"]])
@pytest.mark.parametrize("source", [[], ["--tls", "internal"]])
def test_option_of_an_authority_that_is_not_asked(words: list[str], source: list[str]) -> None:
    with pytest.raises(OptionError, match=f"{words[0]} needs --domain"):
        parse_serve_options("shop", [*words, *source])
