"""Django, asked by functions that return JSON."""
