from .circular_from_2 import OTHER

ONE = 1
