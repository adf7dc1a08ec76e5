"""What a file holds, where that has no place in a bundle: private keys, keys of clouds, dumps, databases, memory.

The shapes are a table of ours. detect-secrets has most of them too; its last release is of May 2024, and it would bring
requests, urllib3 and PyYAML to every build for expressions that look at one line at a time.
"""

import mmap
import re
from pathlib import Path

from djbundle.builder.secret_names import Suspicion

LONGEST_TEXT = 4 << 20  # bytes that are searched for what may be a secret; for a private key a file is, however long
HEAD = 4096  # bytes that tell text from other data
UTF_16 = (b"\xff\xfe", b"\xfe\xff")

# A header alone is in programs that read keys, so a body must follow it: letters of a key soon, or a whole block that
# no quote and no variable interrupts. Lines may end as in JSON.
HEADER = rb"-----BEGIN (?:[A-Z0-9 ]{1,20} )?PRIVATE KEY(?: BLOCK)?-----"
PRIVATE_KEY = re.compile(
    HEADER + rb"(?:(?!-----)(?s:.)){0,600}?[A-Za-z0-9+/]{40,}"
    b"|" + HEADER + rb"(?:\s|\\[rn])[^\"'`{}$<>()]{8,16384}?-----END "
    rb"|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\s|PuTTY-User-Key-File-[23]:|AGE-SECRET-KEY-1[0-9A-Z]{50,}"
)
MARKS = (b"PRIVATE KEY", b"PuTTY-User-Key-File-", b"AGE-SECRET-KEY-1")  # one of which each of these has
HOLDS_KEY = Suspicion("it holds a private key", is_secret=True)

# How files begin that are what their names may hide.
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

TOKENS = {
    "a key of AWS": rb"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    "a key of Google": rb"\bAIza[\w-]{35}\b|GOCSPX-[\w-]{28}|\"type\":\s*\"(?:service_account|authorized_user)\"",
    "a token of GitHub": rb"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{22,}",
    "a token of GitLab": rb"\bgl(?:pat|dt|rt|ptt|soat)-[\w-]{20}",
    "a token of Slack": rb"\bxox[abeoprs]-[\w-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w+",
    "a key of Stripe": rb"\b[sr]k_(?:live|test)_[0-9A-Za-z]{16,}|\bwhsec_[A-Za-z0-9+/=]{24,}",
    "a key of SendGrid": rb"\bSG\.[\w-]{16,}\.[\w-]{16,}",
    "a key of Twilio": rb"\bSK[0-9a-f]{32}\b",
    "a token of a package registry": rb"\bnpm_[A-Za-z0-9]{36}\b|\bpypi-AgE[\w-]{50,}|:_auth(?:Token)?\s*=",
    "a key of Azure": rb"\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/=]{40,}",
    "a token of DigitalOcean": rb"\bdo[opr]_v1_[a-f0-9]{64}",
    "a key of a language model's service": rb"\bhf_[A-Za-z]{34}\b|\bsk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{32,}",
    "a token of Telegram": rb"\b\d{8,10}:AA[\w-]{33}\b",
    "a key of Mailgun or Mailchimp": rb"\bkey-[0-9a-f]{32}\b|\b[0-9a-f]{32}-us\d{1,2}\b",
    "a token of Vault": rb"\bhv[sbr]\.[\w-]{24,}",
    "a token": rb"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}|\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b",
    "a private key of JSON": rb"\"d\"\s*:\s*\"[\w-]{40,}\"",
    "a configuration of Kubernetes": rb"\bclient-key-data:|\bkind:\s*Secret\b",
    "logins of a registry": rb"\"auths\"\s*:\s*\{",
    "a state of Terraform": rb"\"terraform_version\"\s*:",
    "a URL with a password": rb"\b[a-z][a-z0-9+.-]{1,30}://[^\s/:@'\"<>{}$]{1,64}:[^\s/@'\"<>{}$]{3,128}@[\w.\[-]",
    "a hash of a password": rb"\$(?:2[aby]|5|6|y|apr1|argon2id?|scrypt)\$[\w./=,$+-]{20,}|\bpbkdf2_sha\d+\$\d+\$",
    "a dump of a database": (
        rb"-- (?:PostgreSQL database|MySQL|MariaDB) dump|^COPY [^;]{1,500} FROM stdin|^INSERT INTO\b"
        rb"|\b(?:CREATE|ALTER) (?:ROLE|USER)\b[^;]{1,200}\bPASSWORD\b"
    ),
    "a header with credentials": rb"(?i:\bauthorization\"?:\s*\"?(?:basic|bearer)\s+[\w.~+/=-]{12,})",
}
# A word, a sign, and a text with letters and digits.
PASSWORD = (
    rb"(?i:(?:password|passwd|passphrase|\bpwd|\bpass|secret|secret_?key|api_?key|access_?key|auth_?key|token"
    rb"|private_?key|encryption_?key|credentials?)[\"'\]]*\s*(?:=>|:=|[:=])\s*%b)"
    rb"(?=[^\s\"'`<>{}$,;]*\d)(?=[^\s\"'`<>{}$,;]*[A-Za-z])[^\s\"'`<>{}$,;]{8,}"
)
NAMED = (*TOKENS, "a line with a password")
PROGRAMS = (".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".vue", ".css", ".scss", ".html", ".svg", ".map", ".graphql")


def _shapes(quote: bytes) -> re.Pattern[bytes]:
    shapes = (*TOKENS.values(), PASSWORD % quote)
    return re.compile(b"|".join(b"(%b)" % shape for shape in shapes), re.MULTILINE)


TOKEN, TOKEN_OF_PROGRAM = _shapes(rb"[\"']?"), _shapes(rb"[\"'`]")  # in a program only a literal is a password


def certain_secret(file: Path) -> Suspicion | None:
    """A private key, or a file that is nothing else than a secret, whatever its name and its place."""
    with file.open("rb") as content:
        head = content.read(HEAD)
        if not head:
            return None
        with mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            return certain_secret_in(head, whole)


def certain_secret_in(head: bytes, whole: "bytes | mmap.mmap") -> Suspicion | None:
    """The same of its first bytes and all of them."""
    for shape, suspicion in HEAD_SHAPES:
        if shape.match(head):
            return suspicion
    if head.startswith(UTF_16):
        whole = _plain(whole[:LONGEST_TEXT])
    marked = any(whole.find(mark) >= 0 for mark in MARKS)
    return HOLDS_KEY if marked and PRIVATE_KEY.search(whole) else None


def likely_secret(file: Path) -> Suspicion | None:
    """What a text has that looks like a key of a cloud, a password, or a row of a dump."""
    with file.open("rb") as content:
        return likely_secret_in(content.read(LONGEST_TEXT), is_program=file.suffix.lower() in PROGRAMS)


def likely_secret_in(content: bytes, *, is_program: bool = False) -> Suspicion | None:
    if content.startswith(UTF_16):
        content = _plain(content)
    if b"\0" in content[:HEAD]:  # no text
        return None
    found = (TOKEN_OF_PROGRAM if is_program else TOKEN).search(content)
    return Suspicion(f"it holds what looks like {NAMED[(found.lastindex or 1) - 1]}") if found else None


def _plain(content: bytes) -> bytes:
    """UTF-16, as a shell of Windows writes it, in UTF-8."""
    return content.decode("utf-16", "replace").encode()
