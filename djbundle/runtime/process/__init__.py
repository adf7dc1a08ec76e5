"""Processes and what the kernel says of them. Knows neither Django nor HTTP."""
