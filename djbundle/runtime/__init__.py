"""What runs on the server: the start of a bundle, its settings overlay, its server and their supervisor."""
