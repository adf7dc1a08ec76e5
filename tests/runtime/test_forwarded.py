"""Forwarded headers of proxies, by their grammar, and forged ones of clients."""

import ipaddress
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djbundle.runtime.http.protocol.proxy_headers import without_proxy_headers
from djbundle.runtime.http.protocol.request_middleware import RequestMiddleware
from djbundle.runtime.net.forwarded_headers import MAX_HEADER_LENGTH, MAX_HOPS, Node, parse_forwarded, parse_node
from djbundle.runtime.net.trusted_proxies import Client, ForwardedHeaders, find_client, parse_proxies

PROXIES = parse_proxies("127.0.0.1,10.0.0.0/8,fd00::/8")
TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABC"
tokens = st.text(TOKEN_CHARACTERS, min_size=1, max_size=8)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\t"), max_size=12)
elements = st.dictionaries(tokens.map(str.lower), tokens | texts, min_size=1, max_size=4)
addresses = st.ip_addresses().map(str)


def quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def written(elements: list[dict[str, str]], blank: str = "") -> str:
    """Return the elements as a proxy writes them."""
    return f",{blank}".join(
        f"{blank};{blank}".join(
            f"{name.upper()}={value if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value) else quoted(value)}"
            for name, value in each.items()
        )
        for each in elements
    )


@given(st.lists(elements, max_size=5), st.sampled_from(["", " ", "\t "]))
def test_what_is_written_is_read(given: list[dict[str, str]], blank: str) -> None:
    assert parse_forwarded(written(given, blank)) == given


@given(st.text(max_size=60), addresses)
def test_no_stranger_hides_what_the_proxy_adds(before: str, address: str) -> None:
    """The proxy's element is found whatever a client has sent before it, even open quotes."""
    own = {"by": "_p", "for": f"[{address}]" if ":" in address else address, "proto": "http"}
    assert parse_forwarded(f"{before}, {written([own])}")[-1] == own


@given(st.text(max_size=60) | st.text('for=";,\\ _1.[]:', max_size=60))
def test_garbage_ends_in_no_exception(text: str) -> None:
    for each in parse_forwarded(text):
        assert all(each)
    find_client(PROXIES.trusts, Node("127.0.0.1", 1), ForwardedHeaders(text, text, text))


@pytest.mark.parametrize(
    "text",
    [
        "xfor=6.6.6.6",
        'secret=";for=6.6.6.6"',
        'secret="a,for=6.6.6.6"',
        "for =6.6.6.6",
        "for= 6.6.6.6",
        "for",
        'for="6.6.6.6',
        "for=6.6.6.6:80",  # must be quoted
        "for=[::1]",
        "for=6.6.6.6;for=7.7.7.7",
        "for=6.6.6.6 proto=https",
        'for="6.6.6.6"x',
        'for="6.6.6.6\x01"',
    ],
)
def test_what_is_no_for_is_not_believed(text: str) -> None:
    assert find_client(PROXIES.trusts, Node("127.0.0.1", 1), ForwardedHeaders(forwarded=text)).address == "127.0.0.1"


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        (ForwardedHeaders(), ("127.0.0.1", 9, None)),
        (ForwardedHeaders("9.9.9.9"), ("9.9.9.9", 0, None)),
        (ForwardedHeaders("6.6.6.6, 9.9.9.9:81 ,10.1.2.3"), ("9.9.9.9", 81, None)),
        (ForwardedHeaders("6.6.6.6, nonsense, 10.1.2.3"), ("10.1.2.3", 0, None)),
        (ForwardedHeaders("unknown"), ("127.0.0.1", 9, None)),
        (ForwardedHeaders("_hidden:_port"), ("127.0.0.1", 9, None)),
        (ForwardedHeaders("[2001:db8::1%eth0]:70"), ("2001:db8::1", 70, None)),
        (ForwardedHeaders("fe80::1%<script>"), ("127.0.0.1", 9, None)),
        (ForwardedHeaders("::ffff:9.9.9.9"), ("9.9.9.9", 0, None)),
        (ForwardedHeaders("9.9.9.9:_x"), ("9.9.9.9", 0, None)),
        (ForwardedHeaders("9.9.9.9:99999"), ("127.0.0.1", 9, None)),
        (ForwardedHeaders("9.9.9.9,,"), ("9.9.9.9", 0, None)),
        (ForwardedHeaders(x_forwarded_proto="https"), ("127.0.0.1", 9, "https")),
        (ForwardedHeaders(x_forwarded_proto="wss"), ("127.0.0.1", 9, "https")),
        (ForwardedHeaders(x_forwarded_proto="javascript"), ("127.0.0.1", 9, None)),
        # as many schemes as addresses: that of the client's own connection
        (ForwardedHeaders("9.9.9.9, 10.0.0.1", "https, http"), ("9.9.9.9", 0, "https")),
        (ForwardedHeaders("9.9.9.9, 10.0.0.1", "http, https"), ("9.9.9.9", 0, "http")),
        (ForwardedHeaders("6.6.6.6, 9.9.9.9", "https, http"), ("9.9.9.9", 0, "http")),
        # set once, by the first proxy
        (ForwardedHeaders("9.9.9.9, 10.0.0.1", "https"), ("9.9.9.9", 0, "https")),
        # otherwise it is unknown to which address each belongs
        (ForwardedHeaders("9.9.9.9", "https, http"), ("9.9.9.9", 0, "http")),
        (ForwardedHeaders("9.9.9.9", "https, https"), ("9.9.9.9", 0, "https")),
        # a proxy that writes X-Forwarded-* passes Forwarded on unchanged
        (ForwardedHeaders("9.9.9.9", forwarded="for=6.6.6.6;proto=https"), ("9.9.9.9", 0, None)),
        (ForwardedHeaders(forwarded='for="[2001:db8::2]:99";proto=https'), ("2001:db8::2", 99, "https")),
        (ForwardedHeaders(forwarded="proto=https;for=9.9.9.9, for=10.0.0.1; proto=http"), ("9.9.9.9", 0, "https")),
        (ForwardedHeaders(forwarded="For=9.9.9.9;PROTO=HTTPS,,"), ("9.9.9.9", 0, "https")),
        (ForwardedHeaders(forwarded="for=6.6.6.6;proto=https, for=9.9.9.9;proto=http"), ("9.9.9.9", 0, "http")),
        (ForwardedHeaders(forwarded='for=6.6.6.6;x=", for=9.9.9.9;proto=http'), ("9.9.9.9", 0, "http")),
        (ForwardedHeaders(forwarded="for=unknown;proto=https"), ("127.0.0.1", 9, "https")),
    ],
    ids=str,
)
def test_client_is_the_last_that_is_no_proxy(headers: ForwardedHeaders, client: tuple[str, int, str | None]) -> None:
    assert find_client(PROXIES.trusts, Node("127.0.0.1", 9), headers) == Client(*client)


@given(st.text(max_size=30), addresses.filter(lambda each: not PROXIES.trusts(each)), st.sampled_from(["http", ""]))
def test_no_stranger_changes_what_his_proxy_says(forged: str, address: str, scheme: str) -> None:
    """The proxy appends the address, and sets or appends the scheme."""
    client = str(getattr(ipaddress.ip_address(address), "ipv4_mapped", None) or address)
    for proto in filter(None, (scheme, f"https, {scheme}" if scheme else "")):
        believed = find_client(PROXIES.trusts, Node("127.0.0.1", 9), ForwardedHeaders(f"{forged}, {address}", proto))
        assert (believed.address, believed.scheme) == (client, "http")


@given(st.text('0123456789abcdef.:[]%"_<>', max_size=60))
def test_an_address_is_one(text: str) -> None:
    """Only a valid address is accepted, since it goes into the log and into tables."""
    if node := parse_node(text):
        assert str(ipaddress.ip_address(node.address)) == node.address
        assert "%" not in node.address
        assert 0 <= node.port < 65536


@pytest.mark.parametrize(
    "text",
    [",", " ", ";", '"', "for=", 'for="', 'for="\\', "for=1.1.1.1,", "10.0.0.1,", 'a="b";', "\t,", "="],
)
def test_long_headers_come_to_an_end(text: str) -> None:
    """They are parsed once: repeated scans would take minutes."""
    value = text * (65536 // len(text))
    find_client(PROXIES.trusts, Node("127.0.0.1", 1), ForwardedHeaders(value, value))
    find_client(PROXIES.trusts, Node("127.0.0.1", 1), ForwardedHeaders(forwarded=value))
    assert len(parse_forwarded(value)) <= MAX_HOPS
    assert len(value) > MAX_HEADER_LENGTH


FORGED = [
    *("Forwarded", "Forwarded-For", "Forwarded-Proto", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Proto"),
    *("X-Forwarded-Protocol", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Host"),
    *("X-Forwarded-Port", "X-Forwarded-Ssl", "X-Forwarded-Scheme", "X-Forwarded-Prefix", "X-Forwarded-Tls-Client-Cert"),
    *("X-Forward-For", "X-Original-Forwarded-For", "Client-IP", "X-Client-IP", "X-ClientIP", "X-Real-IP", "X-RealIP"),
    *("CF-Connecting-IP", "CF-Connecting-IPv6", "CF-Visitor", "Cf-Access-Authenticated-User-Email", "Fastly-Client-IP"),
    *("True-Client-IP", "X-True-Client-IP", "X-Cluster-Client-IP", "X-ProxyUser-Ip", "Fly-Client-IP", "Fly-Region"),
    *("DO-Connecting-IP", "X-NF-Client-Connection-IP", "Incap-Client-IP", "X-Sucuri-ClientIP", "Ali-Cdn-Real-Ip"),
    *("X-Azure-ClientIP", "X-Azure-SocketIP", "X-Appengine-User-IP", "WL-Proxy-Client-IP", "Proxy-Client-IP"),
    *("X-Originating-IP", "X-Remote-IP", "X-Remote-Addr", "Remote-Addr", "CloudFront-Viewer-Address", "X-Host"),
    *("CloudFront-Forwarded-Proto", "X-Original-Host", "X-Original-URL", "X-Rewrite-URL", "X-Url-Scheme", "X-Scheme"),
    *("Front-End-Https", "X-ARR-SSL", "X-Remote-User", "Remote-User", "Remote-Groups", "X-Auth-Request-Email"),
    *("X-Authentik-Username", "X-WebAuth-User", "X-Authenticated-User", "X-Consumer-Username", "X-MS-Client-Principal"),
    *("X-Goog-Authenticated-User-Email", "X-Amzn-Oidc-Identity", "Tailscale-User-Login", "X-SSL-Client-Verify"),
    *("X-SSL-Client-S-DN", "SSL-Client-Cert", "Ssl-Client-Verify", "Client-Cert", "X-Client-Cert", "X-Client-Verify"),
    *("X-Amzn-Mtls-Clientcert", "X-Envoy-External-Address", "X-Request-ID", "Proxy", "X-Script-Name"),
]
HARMLESS = [
    *("Host", "User-Agent", "Accept", "Cookie", "Authorization", "Content-Type", "X-Requested-With", "X-CSRFToken"),
    *("X-Client-Version", "X-API-Key", "X-Amzn-Trace-Id", "Traceparent", "HX-Request", "X-Http-Method-Override"),
    *("Idempotency-Key", "Stripe-Signature", "X-Hub-Signature-256", "X-GitHub-Event", "Via", "Sec-WebSocket-Key"),
    *("X-Goog-Channel-ID", "X-Amz-Sns-Message-Type", "Upgrade", "Range", "If-Range", "X-Shopify-Topic", "Zip", "Ship"),
]


@pytest.mark.parametrize("name", FORGED)
def test_strangers_may_not_say_it(name: str) -> None:
    lower = name.lower().encode()
    assert without_proxy_headers([(lower, b"1"), (b"accept", b"*/*")]) == [(b"accept", b"*/*")]


@pytest.mark.parametrize("name", HARMLESS)
def test_everybody_may_say_it(name: str) -> None:
    headers = [(name.lower().encode(), b"1")]
    assert without_proxy_headers(headers) == headers


def ask(headers: list[tuple[bytes, bytes]], peer: str, kind: str = "http") -> dict[str, Any]:
    scope: dict[str, Any] = {"type": kind, "client": (peer, 1234), "headers": headers}
    scope["scheme"] = kind.replace("websocket", "ws")
    RequestMiddleware(PROXIES.trusts).prepare(scope)
    scope["headers"] = [item for item in scope["headers"] if item[0] != b"x-request-id"]
    return scope


@pytest.mark.parametrize("peer", ["127.0.0.1", "9.9.9.9"])
def test_no_name_has_an_underscore(peer: str) -> None:
    """Proxies pass such names on, and WSGI cannot tell them from names with hyphens."""
    for name in (b"x_forwarded_for", b"x-forwarded_for", b"x_remote_user", b"x_anything"):
        scope = ask([(name, b"6.6.6.6")], peer)
        assert (scope["headers"], scope["client"][0]) == ([], peer)


def test_lines_of_one_header_are_one_list() -> None:
    scope = ask([(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"9.9.9.9, 10.0.0.1")], "10.0.0.2")
    assert scope["client"] == ("9.9.9.9", 0)
    scope = ask([(b"forwarded", b"for=6.6.6.6;proto=https"), (b"forwarded", b"for=9.9.9.9")], "10.0.0.2")
    assert (scope["client"], scope["scheme"]) == (("9.9.9.9", 0), "http")


def test_site_reads_no_more_than_is_believed() -> None:
    """The site sees only trusted values: Django uses the first scheme of a list, and other code reads ``Forwarded``."""
    headers = [(b"x-forwarded-for", b"9.9.9.9"), (b"x-forwarded-proto", b"https, http"), (b"forwarded", b"for=6.6.6.6")]
    scope = ask(headers, "10.0.0.2")
    assert scope["headers"] == [(b"x-forwarded-for", b"9.9.9.9"), (b"x-forwarded-proto", b"http")]
    assert scope["scheme"] == "http"


def test_websockets_have_schemes_of_their_own() -> None:
    assert ask([(b"x-forwarded-proto", b"https")], "10.0.0.2", "websocket")["scheme"] == "wss"
    assert ask([(b"x-forwarded-proto", b"https")], "9.9.9.9", "websocket")["scheme"] == "ws"
