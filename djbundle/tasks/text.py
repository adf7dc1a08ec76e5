"""Text that every database can store. It needs no models, since tasks import it before apps are loaded."""


def clean(text: str) -> str:
    """Return the text with \\0 and halves of surrogate pairs written out as escapes; never a subclass of str."""
    return str.encode(text, errors="backslashreplace").decode().replace("\0", "\\0")


def one_line(text: str, most: int = 500) -> str:
    """Return a text of a stranger, such as a broker, as it may be logged: one line, without control characters."""
    words = " ".join(text[: 2 * most].split())[:most]
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in words)


def shortened(text: str, most: int) -> str:
    """Return about `most` characters at most: a quarter of them from the beginning, the rest from the end."""
    left_out = len(text) - most
    if left_out <= 0:
        return text
    begin = most // 4
    return f"{text[:begin]}\n[{left_out:,} characters are left out]\n{text[begin + left_out :]}"
