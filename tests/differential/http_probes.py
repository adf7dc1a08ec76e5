"""Requests that tell what a server makes of odd HTTP. Each is written by hand, and the answer read to its end."""

import re
import socket
from urllib.parse import urlsplit

Probe = tuple[str, bytes]
ANSWER_SIZE = 2000  # bytes of a body that are compared
# What names the server, the time or the connection, and belongs to no page.
OWN_HEADERS = frozenset(
    {"date", "server", "connection", "transfer-encoding", "keep-alive", "alt-svc", "set-cookie", "x-request-id"}
)


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: odd.example", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xc3\xa4\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="../b.txt"\r\nContent-Type: text/x-odd\r\n\r\nfile\r\n'
    b"--x\r\nContent-Disposition: form-data; name=\"g\"; filename*=UTF-8''%e2%98%83.txt\r\n\r\nsnow\r\n--x--\r\n"
)
PAGE = "/framework"
PROBES: dict[str, bytes] = {
    "plain": request(f"GET {PAGE}/echo/?a=1&a=2&b"),
    "escaped": request(f"GET {PAGE}/any/a%2Fb%20c/%C3%A4/%25/%2e%2e/x%3Fy"),
    "double_slash": request(f"GET {PAGE}/any//a//b/"),
    "leading_slashes": request(f"GET //{PAGE[1:]}/echo/"),
    "dots": request(f"GET {PAGE}/any/../echo/"),
    "not_utf8": request(f"GET {PAGE}/any/%ff%fe"),
    "raw_utf8": request("GET /framework/any/\xc3\xa4"),
    "odd_query": request(f"GET {PAGE}/echo/?a=%ff&b=ä+c&&=&;d=1&e=%E4%zz#fragment"),
    "absolute_target": request(f"GET http://odd.example{PAGE}/echo/?x=1"),
    "no_slash": request(f"GET {PAGE}/echo?x=%C3%A4"),
    "no_slash_post": request(f"POST {PAGE}/echo", "Content-Length: 1", body=b"x"),
    "semicolon": request(f"GET {PAGE}/any/a;b=c,d@e:f$g"),
    "headers": request(f"GET {PAGE}/echo/", "X-One: 1", "X-One: 2", "X_Under: 3", "X-Empty:", "x-CASE:  spaced  "),
    "latin_header": request(f"GET {PAGE}/echo/", "X-Text: \xe4\xc3\xa4"),
    "cookies": request(f"GET {PAGE}/echo/", 'Cookie: a=1; b="q;x"; c', "Cookie: d=4; a=5"),
    "forwarded": request(
        f"GET {PAGE}/echo/", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: ftp", "X-Forwarded-Host: h"
    ),
    "script_name": request(f"GET {PAGE}/echo/", "Script-Name: /evil", "X-Script-Name: /evil"),
    "proxy_header": request(f"GET {PAGE}/meta/", "Proxy: http://evil", "X-Odd: 1", "Content-Type: text/x"),
    "meta": request(f"GET {PAGE}/meta/?q", "Accept-Language: de", "User-Agent: odd"),
    "meta_post": request(f"POST {PAGE}/meta/", "Content-Length: 2", "Content-Type: text/plain", body=b"hi"),
    "host_odd": request(f"GET {PAGE}/echo/", "X-Host: 1").replace(b"Host: odd.example", b"Host: odd.example:99"),
    "host_upper": request(f"GET {PAGE}/echo").replace(b"odd.example", b"ODD.example"),
    "method_odd": request(f"PURGE {PAGE}/echo/"),
    "method_patch": request(f"PATCH {PAGE}/echo/", "Content-Length: 3", body=b"abc"),
    "options": request(f"OPTIONS {PAGE}/echo/"),
    "delete_with_body": request(f"DELETE {PAGE}/echo/", "Content-Length: 4", body=b"body"),
    "get_with_body": request(f"GET {PAGE}/echo/", "Content-Length: 4", body=b"body"),
    "trace": request(f"TRACE {PAGE}/echo/"),
    "head": request(f"HEAD {PAGE}/echo/"),
    "head_stream": request(f"HEAD {PAGE}/stream/"),
    "head_file": request(f"HEAD {PAGE}/file/"),
    "chunked": request(
        f"POST {PAGE}/echo/", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n"
    ),
    "form": request(
        f"POST {PAGE}/upload/",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Length: 11",
        body=b"a=1&b=%C3%A4"[:11],
    ),
    "form_latin": request(
        f"POST {PAGE}/upload/",
        "Content-Type: application/x-www-form-urlencoded; charset=iso-8859-1",
        "Content-Length: 5",
        body=b"a=%E4",
    ),
    "multipart": request(
        f"POST {PAGE}/upload/",
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {len(MULTIPART)}",
        body=MULTIPART,
    ),
    "multipart_chunked": request(
        f"POST {PAGE}/upload/",
        "Content-Type: multipart/form-data; boundary=x",
        "Transfer-Encoding: chunked",
        body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(MULTIPART), MULTIPART),
    ),
    "multipart_broken": request(
        f"POST {PAGE}/upload/", "Content-Type: multipart/form-data", "Content-Length: 3", body=b"abc"
    ),
    "expect": request(f"POST {PAGE}/echo/", "Expect: 100-continue", "Content-Length: 3", body=b"abc"),
    "no_length": request(f"POST {PAGE}/echo/"),
    "big_body": request(f"POST {PAGE}/raw/unread/", "Content-Length: 200000", body=b"u" * 200000),
    "long_line": request(f"GET {PAGE}/echo/?a={'b' * 3000}"),
    "long_header": request(f"GET {PAGE}/echo/", f"X-Long: {'h' * 6000}"),
    "many_headers": request(f"GET {PAGE}/hex/1/", *(f"X-{n}: {n}" for n in range(90))),
    "range": request(f"GET {PAGE}/file/", "Range: bytes=2-4"),
    "http10": f"GET {PAGE}/echo/ HTTP/1.0\r\n\r\n".encode(),
    "http10_stream": f"GET {PAGE}/stream/ HTTP/1.0\r\nHost: x\r\n\r\n".encode(),
    "accept_gzip": request(f"GET {PAGE}/raw/text/", "Accept-Encoding: gzip, br"),
    "if_none_match": request(
        f"GET {PAGE}/raw/text/", 'If-None-Match: "x"', "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT"
    ),
    "upgrade": request(f"GET {PAGE}/hex/2/", "Upgrade: websocket"),
    "stream": request(f"GET {PAGE}/stream/"),
    "async_stream": request(f"GET {PAGE}/async-stream/"),
    "async": request(f"GET {PAGE}/async/"),
    "file": request(f"GET {PAGE}/file/"),
    "static_missing": request("GET /assets/nope.css"),
    "favicon": request("GET /favicon.ico"),
    "root_query": request("OPTIONS /?x"),
    "admin": request("GET /admin"),
    "not_found": request("GET /none/none/none/"),
    **{
        f"raw_{kind}": request(f"GET {PAGE}/raw/{kind}/")
        for kind in (
            *(
                "cookies",
                "status",
                "empty",
                "not-modified",
                "headers",
                "bytes",
                "length",
                "redirect",
                "unread",
                "big",
                "json",
                "text",
            ),
        )
    },
    **{f"head_raw_{kind}": request(f"HEAD {PAGE}/raw/{kind}/") for kind in ("empty", "length", "big")},
    **{
        f"error_{kind}": request(f"GET {PAGE}/error/{kind}/")
        for kind in (*("404", "403", "400", "suspicious", "middleware", "500", "group"),)
    },
    "session": request(f"GET {PAGE}/session/"),
    "message": request(f"GET {PAGE}/message/"),
    "template": request(f"GET {PAGE}/template/"),
    "template_response": request(f"GET {PAGE}/template-response/"),
    "language": request(f"GET {PAGE}/hex/3/", "Accept-Language: de"),
}


def answers_to_probes(url: str) -> dict[str, object]:
    """Return status, headers and body of the answer to each probe."""
    address = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
    return {f"http.{name}": answer_of(address, probe) for name, probe in PROBES.items()}


def answer_of(address: tuple[str, int], probe: bytes) -> object:
    try:
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(probe)
            raw = b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError as error:
        return f"raises {type(error).__name__}"
    return parsed(raw)


def parsed(raw: bytes) -> object:
    """Return status, headers and body, without what belongs to the server and not to the page."""
    raw = raw.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = sorted((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
    if ("transfer-encoding", "chunked") in headers:
        body = unchunked(body)
    cookies = sorted(
        re.sub(r"(expires|sessionid)=[^;]*", r"\1=", value) for name, value in headers if name == "set-cookie"
    )
    kept = [each for each in headers if each[0] not in OWN_HEADERS]
    text = re.sub(r"0x[0-9a-f]+", "0x", body[:ANSWER_SIZE].decode("latin-1"))
    return [first.partition(" ")[2], kept, cookies, len(body), text]


def unchunked(body: bytes) -> bytes:
    parts = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.partition(b";")[0] or b"0", 16)
        parts, body = parts + body[:length], body[length + 2 :]
    return parts
