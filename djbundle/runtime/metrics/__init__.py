"""``--metrics-bind``: metrics for Prometheus, served by a process of their own."""
