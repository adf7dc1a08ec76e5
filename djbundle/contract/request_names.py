"""The name of a request in the log of a death. The runtime writes it, and `djbundle verify` finds the page by it."""

from urllib.parse import quote

SAFE_CHARACTERS = "/:@!$&'()*+,=~%"  # of a path; neither a space nor ";"
SEPARATOR = ", "  # between several requests; none of them contains it


def quote_request(method: str | bytes, path: str | bytes) -> str:
    """Return a request as "GET /path". It is safe to print: a space in the path is %20, so it can fake no other text.

    `path` is raw or percent-decoded. Its query is left out.
    """
    raw = path.encode() if isinstance(path, str) else path
    return f"{quote(method)} {quote(raw.partition(b'?')[0], safe=SAFE_CHARACTERS)}"
