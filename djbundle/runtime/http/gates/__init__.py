"""The gates before the pages of a site, each only if it is configured: a password, a rate of requests."""
