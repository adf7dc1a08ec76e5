from django.db import models
from imagekit.models import ImageSpecField
from imagekit.processors import ResizeToFill


class Photo(models.Model):
    image = models.ImageField(upload_to="photos")
    small = ImageSpecField(source="image", processors=[ResizeToFill(100, 50)], format="JPEG", options={"quality": 60})
