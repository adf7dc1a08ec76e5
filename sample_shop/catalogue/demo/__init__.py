"""Demo data: a small range of products with drawn pictures."""
