"""Turn a Django project into a bundle. Runs on the build machine only; no bundle contains any of it."""
