from language.parts import circular_b

VALUE = "a"


def both():
    return VALUE, circular_b.VALUE, circular_b.SEEN
