"""The commands that change a running site, and take the change back."""
