"""``--metrics-bind``: what Prometheus asks for, told by a process of its own."""
