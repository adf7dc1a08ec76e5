"""Turns a Django project into a bundle. Runs on the build machine only; nothing of it is in a bundle."""
