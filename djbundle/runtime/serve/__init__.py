"""``./shop serve``: its processes, from the supervisor down to a web worker."""
