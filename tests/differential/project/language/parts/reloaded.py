COUNT = globals().get("COUNT", 0) + 1


class Kept:
    pass
