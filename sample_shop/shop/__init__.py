"""The shop: settings, URLs and the WSGI application."""
