import sys


def function() -> None:
    pass


def answer() -> object:
    calls: list[str] = []
    sys.setprofile(lambda frame, event, _argument: calls.append(event + frame.f_code.co_name))
    function()
    sys.setprofile(None)
    return "callfunction" in calls
