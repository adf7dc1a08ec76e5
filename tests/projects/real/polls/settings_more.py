INSTALLED_APPS = ["polls.apps.PollsConfig", *INSTALLED_APPS, "debug_toolbar"]
MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware", *MIDDLEWARE]
INTERNAL_IPS = ["127.0.0.1"]
TIME_ZONE = "Europe/Berlin"
TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]
