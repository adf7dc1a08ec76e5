"""A bundle is compared with Python that runs the same sources."""
