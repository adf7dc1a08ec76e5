"""Compiled, the second operand of a chain is evaluated before the first."""


def answer():
    log = []

    def note(value):
        log.append(value)
        return value

    return note(1) < note(2) < note(3), log
