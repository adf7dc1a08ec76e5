"""Static files and uploads, answered before Django is entered."""
