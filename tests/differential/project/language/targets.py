"""Statements whose target is more than a name, and names that a class and a function share."""

import sys

where = "module"


class Counted:
    total = 0


def attribute_of_a_call():
    calls = []

    def counted():
        calls.append(1)
        return Counted()

    counted().total += 1
    return len(calls)


def attribute_of_an_item():
    calls = []

    class Items(list):
        def __getitem__(self, index):
            calls.append(index)
            return super().__getitem__(index)

    items = Items([Counted()])
    items[0].total += 1
    return calls


def class_body_and_function():
    where = "function"

    class Inner:
        read = where
        where = "class"

    return Inner.read, Inner.where, where


def class_body_that_deletes():
    where = "function"

    class Inner:
        where = "class"
        del where
        read = where

    return Inner.read, where


def replaced_with_getattr():
    from language.parts import asking, replaced

    return asking.anything, replaced(), type(sys.modules["language.parts.asking"]).__name__


def texts_of_site():
    return [type(each).__name__ for each in (copyright, credits, license, exit)]
