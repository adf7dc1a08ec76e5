"""Find content that has no place in a bundle: private keys, cloud keys, dumps, databases, process memory.

The patterns are our own tables; the runtime shares the one of tokens. detect-secrets has most of them, but its last
release is of May 2024. It would also add requests, urllib3 and PyYAML to every build, for expressions that look at one
line at a time.
"""

import mmap
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from djbundle.builder.contents.secret_names import Suspicion
from djbundle.common.token_shapes import TOKEN_SHAPES

MAX_TEXT_LENGTH = 4 << 20  # bytes searched for likely secrets; private keys are searched for in the whole file
HEAD = 4096  # first bytes, which show what kind of file it is
UTF_16 = (b"\xff\xfe", b"\xfe\xff")

# Programs that read keys contain the header alone, so a body must follow it: characters of a key soon after, or a
# complete block without quotes and variables. Line ends may be escaped as in JSON.
HEADER = rb"-----BEGIN (?:[A-Z0-9 ]{1,20} )?PRIVATE KEY(?: BLOCK)?-----"
PRIVATE_KEY = re.compile(
    HEADER + rb"(?:(?!-----)(?s:.)){0,600}?[A-Za-z0-9+/]{40,}"
    b"|" + HEADER + rb"(?:\s|\\[rn])[^\"'`{}$<>()]{8,16384}?-----END "
    rb"|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\s|PuTTY-User-Key-File-[23]:|AGE-SECRET-KEY-1[0-9A-Z]{50,}"
)
MARKS = (b"PRIVATE KEY", b"PuTTY-User-Key-File-", b"AGE-SECRET-KEY-1")  # every match contains one of these
HOLDS_KEY = Suspicion("it holds a private key", is_secret=True)

# First bytes of files whose names may hide what they are.
HEADS = (
    (rb"\x30(?:\x82..|\x81.|[\x20-\x7f])\x02\x01(?:[\x00\x01][\x30\x04]|\x00\x02[\x20-\x82]|\x03\x30)", HOLDS_KEY),
    (rb"\xfe\xed\xfe\xed|\xce\xce\xce\xce", Suspicion("it is a key store of Java", is_secret=True)),
    (rb"\x03\xd9\xa2\x9a", Suspicion("it is a store of passwords", is_secret=True)),
    (rb"openssh-key-v1\0", HOLDS_KEY),
    (rb"SQLite format 3\0|(?s:.{4}Standard (?:Jet|ACE) DB)", Suspicion("it is a database", is_secret=True)),
    (rb"REDIS\d{4}", Suspicion("it is a dump of Redis", is_secret=True)),
    (rb"PGDMP", Suspicion("it is a dump of PostgreSQL", is_secret=True)),
    (rb"\x7fELF(?s:.{12})\x04\x00", Suspicion("it is the memory of a process", is_secret=True)),
    (rb"JAVA PROFILE|MDMP", Suspicion("it is the memory of a process", is_secret=True)),
    (rb"\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x0a\x0d\x0d\x0a", Suspicion("it is a record of a network", is_secret=True)),
    (rb"b0VIM ", Suspicion("it is what an editor has left", is_secret=True)),
    (rb"LUKS\xba\xbe|kych", Suspicion("it is a store of secrets", is_secret=True)),
    (rb"\$ANSIBLE_VAULT;|\0GITCRYPT\0|Salted__|age-encryption\.org", Suspicion("it is an encrypted secret")),
)
HEAD_SHAPES = tuple((re.compile(shape, re.DOTALL), suspicion) for shape, suspicion in HEADS)

# Other signs of secrets: a description, a mark that each match contains, and the pattern.
CONTEXTS = (
    ("a key of Google", b'"service_account"', rb'"service_account"'),
    ("a key of Google", b'"authorized_user"', rb'"authorized_user"'),
    ("a token of a package registry", b":_auth", rb":_auth(?:Token)?\s*="),
    ("a configuration of Kubernetes", b"client-key-data:", rb"client-key-data:"),
    ("a secret of Kubernetes", b"kind:", rb"kind:\s*Secret\b"),
    ("logins of a registry", b'"auths"', rb'"auths"\s*:\s*\{'),
    ("a state of Terraform", b'"terraform_version"', rb'"terraform_version"\s*:'),
    ("a URL with a password", b"://", rb"://[^\s/:@'\"`<>{}$]{1,64}:[^\s/@'\"`<>{}$]{3,128}@[\w.\[-]"),
    ("a dump of a database", b"-- ", rb"-- (?:PostgreSQL database|MySQL|MariaDB) dump"),
    ("a dump of a database", b"COPY ", rb"COPY [^;]{1,500} FROM stdin"),
    ("a dump of a database", b"INSERT INTO ", rb"INSERT INTO [\w.\"`]+ (?:VALUES|\([^;)]{1,2000}\) VALUES)"),
    ("a dump of a database", b"PASSWORD", rb"(?:CREATE|ALTER) (?:ROLE|USER)\b[^;]{1,200}\bPASSWORD\b"),
)
# The same for text in lower case: a word, a sign, and a value with letters and digits. Programs quote the value.
SIGN = rb"[\"'\]]*\s*(?:=>|:=|[:=])\s*%b(?=[^\s\"'`<>{}$,;]*\d)(?=[^\s\"'`<>{}$,;]*[a-z])[^\s\"'`<>{}$,;]{8,}"
WORDS = (
    *((b"pass", rb"pass(?:w(?:or)?d|phrase|_?key)?"), (b"pwd", rb"pwd"), (b"secret", rb"secret(?:_?key)?")),
    *((b"api", rb"api_?key"), (b"access", rb"access_?key"), (b"auth", rb"auth_?key"), (b"token", rb"token")),
    *((b"private", rb"private_?key"), (b"encryption", rb"encryption_?key"), (b"credential", rb"credentials?")),
)
LINE = "a line with a password"
HEADER_WITH_CREDENTIALS = (
    *("a header with credentials", b"authorization"),
    rb"authorization\"?:\s*\"?(?:basic|bearer)\s+[\w.~+/=-]{12,}",
)
PROGRAMS = (".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".vue", ".css", ".scss", ".html", ".svg", ".map", ".graphql")


@dataclass(frozen=True, slots=True)
class Shape:
    what: str
    mark: bytes
    pattern: re.Pattern[bytes]

    def is_in(self, content: bytes) -> bool:
        return self.mark in content and bool(self.pattern.search(content))


def _in_lower_case(quote: bytes) -> tuple[Shape, ...]:
    words = ((LINE, mark, word + SIGN % quote) for mark, word in WORDS)
    return _shapes((*words, HEADER_WITH_CREDENTIALS))


def _shapes(table: Iterable[tuple[str, bytes, bytes]]) -> tuple[Shape, ...]:
    return tuple(Shape(what, mark, re.compile(shape)) for what, mark, shape in table)


TOKENS = ((each.what, each.mark.encode(), each.pattern.encode()) for each in TOKEN_SHAPES)
SHAPES = _shapes((*TOKENS, *CONTEXTS))
LOWER_SHAPES, LOWER_SHAPES_OF_PROGRAMS = _in_lower_case(rb"[\"']?"), _in_lower_case(rb"[\"'`]")


PUBLIC = re.compile(rb"-----BEGIN (?:TRUSTED |X509 |[A-Z]{1,8} )?(?:CERTIFICATE|PUBLIC KEY|PARAMETERS|X509 CRL)")
NO_CERTIFICATE = Suspicion("no certificate, so a key by its name", is_secret=True)


def no_certificate(file: Path) -> Suspicion | None:
    """Return a suspicion if the name says certificate, but the file holds no certificate or other public data."""
    if file.suffix.lower() not in (".pem", ".crt", ".cer"):
        return None
    with file.open("rb") as content:
        return None if PUBLIC.search(content.read(MAX_TEXT_LENGTH)) else NO_CERTIFICATE


def certain_secret(file: Path) -> Suspicion | None:
    """Return what the file is if it is a private key or nothing but a secret, whatever its name and folder."""
    with file.open("rb") as content:
        head = content.read(HEAD)
        if not head:
            return None
        with mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            return certain_secret_in(head, whole)


def certain_secret_in(head: bytes, whole: "bytes | mmap.mmap") -> Suspicion | None:
    """Return the same as `certain_secret`, for the first bytes and the whole content."""
    for shape, suspicion in HEAD_SHAPES:
        if shape.match(head):
            return suspicion
    if head.startswith(UTF_16):
        whole = _plain(whole[:MAX_TEXT_LENGTH])
    marked = any(whole.find(mark) >= 0 for mark in MARKS)
    return HOLDS_KEY if marked and PRIVATE_KEY.search(whole) else None


def likely_secret(file: Path) -> Suspicion | None:
    """Return what looks like a cloud key, a password or a row of a dump in a text file."""
    with file.open("rb") as content:
        return likely_secret_in(content.read(MAX_TEXT_LENGTH), is_program=file.suffix.lower() in PROGRAMS)


def likely_secret_in(content: bytes, *, is_program: bool = False) -> Suspicion | None:
    if content.startswith(UTF_16):
        content = _plain(content)
    if b"\0" in content[:HEAD]:  # not a text
        return None
    matches = [each.what for each in SHAPES if each.is_in(content)]
    lower = content.lower()
    matches += [each.what for each in (LOWER_SHAPES_OF_PROGRAMS if is_program else LOWER_SHAPES) if each.is_in(lower)]
    return Suspicion(f"it holds what looks like {matches[0]}") if matches else None


def _plain(content: bytes) -> bytes:
    """Convert UTF-16, which PowerShell writes, to UTF-8."""
    return content.decode("utf-16", "replace").encode()
