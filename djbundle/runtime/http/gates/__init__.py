"""What stands before the pages of a site, if it is configured: a password, a rate of requests."""
