"""Comparisons in a chain, which Nuitka evaluates in another order."""


def chained_comparison():
    log = []

    def n(x):
        log.append(x)
        return x

    return n(1) < n(2) > n(0) != n(5), n(3) < n(1) < n(9), log, 1 in [1] == True, (1 in [1]) == True  # noqa: E712
