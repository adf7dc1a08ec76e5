_private = 1
public = 2
__all__ = ["_private", "made"]
made = 3
