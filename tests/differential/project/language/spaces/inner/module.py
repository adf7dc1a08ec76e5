INSIDE = __name__, __package__
