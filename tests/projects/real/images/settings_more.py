INSTALLED_APPS += ["imagekit", "easy_thumbnails", "photos"]
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "media/"
THUMBNAIL_ALIASES = {"": {"tiny": {"size": (32, 32), "crop": True}}}
