"""Find the project: its folder, its configuration, its environment and its files."""
