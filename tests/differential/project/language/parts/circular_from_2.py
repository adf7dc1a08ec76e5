from .circular_from import ONE

OTHER = 2
