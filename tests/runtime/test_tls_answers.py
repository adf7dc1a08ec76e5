"""Any bytes from an authority or a disk are either understood or refused in the one expected way."""

import base64
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from djbundle.runtime.tls.chain import ChainError, check_chain
from djbundle.runtime.tls.exchange import MAX_WAIT, AcmeError, ProblemError, Resource, Response, retry_after
from djbundle.runtime.tls.keys import generate_key, key_to_pem, read_key
from djbundle.runtime.tls.x509 import find_certificate
from tests.attacks.hostile_ca import issue, new_authority, pem

KEY = generate_key()
ISSUER = new_authority("issuer")
LEAF = issue(KEY.public_key(), ["shop.test"], ISSUER)
NOW = datetime.now(UTC)
DER = LEAF.public_bytes(Encoding.DER)
UNUSED_BITS = DER.rindex(LEAF.signature) - 1  # the number of unused bits in the signature's last byte: without meaning

names = st.sampled_from(["type", "detail", "subproblems", "status", "identifier", "value", "challenges", "token"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | names, inner, max_size=3),
    max_leaves=10,
)


def test_honest_chain() -> None:
    assert check_chain(pem(LEAF, ISSUER[1]), KEY, ["shop.test"], NOW).encode() == pem(LEAF, ISSUER[1])


@given(st.binary(max_size=500))
def test_any_bytes_for_a_chain(content: bytes) -> None:
    for each in (content, wrapped(content), wrapped(content) * 2, pem(LEAF) + wrapped(content)):
        with pytest.raises(ChainError):
            check_chain(each, KEY, ["shop.test"], NOW)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # a serial below 0
@settings(max_examples=1000, deadline=None)
@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_certificate_with_one_other_byte(place: int, difference: int) -> None:
    """The issuer signs every byte except the signature's own, in which a byte more or less is an error too."""
    assume(place != UNUSED_BITS)
    changed = DER[:place] + bytes([DER[place] ^ difference]) + DER[place + 1 :]
    with pytest.raises(ChainError):
        check_chain(wrapped(changed) + pem(ISSUER[1]), KEY, ["shop.test"], NOW)
    find_certificate(wrapped(changed))


@given(st.integers(0, 2000))
def test_chain_that_is_cut_off_anywhere(length: int) -> None:
    whole = pem(LEAF, ISSUER[1]).rstrip()
    with pytest.raises(ChainError):
        check_chain(whole[: min(length, len(whole) - 1)], KEY, ["shop.test"], NOW)


@pytest.mark.parametrize("moment", [NOW - timedelta(days=2), NOW + timedelta(days=4000)])
def test_dates_by_a_clock_that_is_wrong(moment: datetime) -> None:
    with pytest.raises(ChainError, match="and the clock says"):
        check_chain(pem(LEAF, ISSUER[1]), KEY, ["shop.test"], moment)


@given(st.binary(max_size=300))
def test_any_bytes_for_a_key(content: bytes) -> None:
    own = key_to_pem(KEY)
    for each in (content, own[:50] + content, content + own[50:], own[: len(content)]):
        with contextlib.suppress(ValueError):
            assert key_to_pem(read_key(each)) == own


@given(st.text())
@example("9" * 5000)
@example("-1")
@example("nan")
@example("Wed, 21 Oct 9999 07:28:00 +9999")
@example("Wed, 21 Oct 0000 07:28:00 GMT")
@example("Wed, 21 Oct 2015 07:28:00 -0000")
def test_any_wait(text: str) -> None:
    assert 0 <= retry_after({"retry-after": text}) <= MAX_WAIT


@given(values, st.integers(300, 599))
def test_any_problem(value: object, status: int) -> None:
    """Any problem becomes one short line."""
    answer = Response("https://ca.test/order", {}, json.dumps(value).encode())
    message = str(ProblemError(status, answer))
    assert len(message) <= 301
    assert message.isprintable()


@given(values, names)
def test_any_members(value: object, name: str) -> None:
    ask: list[Callable[[Resource], Any]] = [
        lambda answer: answer.text(name),
        lambda answer: answer.texts(name),
        lambda answer: answer.link(name),
        lambda answer: answer.inner(name),
        lambda answer: [each.text("type") for each in answer.list_of(name)],
    ]
    for each in ask:
        with contextlib.suppress(AcmeError):
            each(Response("https://ca.test/", {}, json.dumps(value).encode()).resource())


@given(st.binary())
def test_any_bytes_for_an_answer(content: bytes) -> None:
    with contextlib.suppress(AcmeError):
        Response("https://ca.test/", {}, content).resource()


def wrapped(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
