"""Processes, and what the kernel reports of them. Knows neither Django nor HTTP."""
