"""The generated pages of docs/reference, one module for each. ci/reference.py writes them."""
