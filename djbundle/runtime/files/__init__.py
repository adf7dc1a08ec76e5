"""Static files and uploads, served before Django is entered."""
