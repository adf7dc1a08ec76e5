INSTALLED_APPS += ["import_export", "bookings"]
