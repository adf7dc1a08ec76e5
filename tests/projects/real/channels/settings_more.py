INSTALLED_APPS = ["daphne", *INSTALLED_APPS, "channels", "rooms"]
ASGI_APPLICATION = "chat.asgi.application"
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
