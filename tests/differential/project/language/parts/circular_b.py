import language.parts.circular_a as a

SEEN = hasattr(a, "VALUE")
VALUE = "b"
