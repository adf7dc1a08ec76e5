"""Has no index."""
