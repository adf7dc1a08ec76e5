"""Text as every database keeps it. Needs no models: tasks come here before apps are loaded."""


def clean(text: str) -> str:
    """Without \\0 and halves of surrogate pairs, which are written out; never a subclass of str."""
    return str.encode(text, errors="backslashreplace").decode().replace("\0", "\\0")


def shortened(text: str, most: int) -> str:
    """At most about so many characters: the beginning, and of the end the most."""
    left_out = len(text) - most
    if left_out <= 0:
        return text
    begin = most // 4
    return f"{text[:begin]}\n[{left_out:,} characters are left out]\n{text[begin + left_out :]}"
