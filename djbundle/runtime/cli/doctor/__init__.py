"""``./shop doctor``: looks for what will take the site down, or already has, and says how to mend it."""
