"""A module with examples.

>>> double(2)
4
>>> double("a")
'aa'
>>> double(None)
Traceback (most recent call last):
    ...
TypeError: unsupported operand type(s) for *: 'NoneType' and 'int'
"""


def double(x):
    """Double.

    >>> double(3)
    6
    >>> double(4)
    9
    """
    return x * 2


class Thing:
    """
    >>> Thing().name()
    'Thing'
    """

    def name(self):
        return type(self).__name__
