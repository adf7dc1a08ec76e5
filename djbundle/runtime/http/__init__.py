"""What stands between Granian and the site, for every request: whom to believe, how much to take, what to add."""
