"""Draws product pictures: soft shapes on a table, lit from the left."""

import io
from collections.abc import Callable, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIZE = 600  # pixels of the picture
SCALE = 2  # drawn larger, then reduced, for smooth edges
TABLE = 0.74  # height at which objects stand, as a share of the picture

Colour = tuple[int, int, int]
Shape = Callable[[ImageDraw.ImageDraw], None]


class Picture:
    """A table in front of a wall. Coordinates are shares of the picture's side, from the upper left."""

    def __init__(self, wall: str) -> None:
        self.side = SIZE * SCALE
        self.image = Image.new("RGB", (self.side, self.side), wall)
        self.solid(
            lambda draw: draw.rectangle(self.points((0, 0.62), (1, 1)), fill=255), darker(self.image, 0.93), depth=0
        )

    def points(self, *shares: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x * self.side, y * self.side) for x, y in shares]

    def box(self, left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
        return self.points((left, top), (right, bottom))

    def solid(self, shape: Shape, colour: Colour | str, depth: float = 0.3) -> None:
        """Fill a shape, lighter on its left and darker by `depth` on its right."""
        mask = self.mask(shape)
        bounds = mask.getbbox()
        if not bounds:
            return
        flat = Image.new("RGB", self.image.size, colour)
        ramp = Image.linear_gradient("L").rotate(90).resize((bounds[2] - bounds[0], bounds[3] - bounds[1]))
        light = Image.new("L", self.image.size, 255)
        light.paste(ramp.point(lambda value: round(255 - depth * (255 - value))), bounds[:2])
        self.image.paste(ImageChops.multiply(flat, light.convert("RGB")), mask=mask)

    def mask(self, shape: Shape) -> Image.Image:
        mask = Image.new("L", self.image.size, 0)
        shape(ImageDraw.Draw(mask))
        return mask

    def shadow(self, left: float, right: float, y: float = TABLE, height: float = 0.06) -> None:
        """Draw the shadow of an object on the table."""
        mask = self.mask(
            lambda draw: draw.ellipse(self.box(left, y - height / 2, right + 0.08, y + height / 2), fill=110)
        )
        mask = mask.filter(ImageFilter.GaussianBlur(self.side * 0.018))
        self.image.paste((60, 50, 40), mask=mask)

    def glow(self, x: float, y: float, radius: float, colour: str, strength: int = 150) -> None:
        """Draw the light around a lamp."""
        mask = self.mask(lambda draw: draw.circle(self.points((x, y))[0], radius * self.side, fill=strength))
        self.image.paste(colour, mask=mask.filter(ImageFilter.GaussianBlur(radius * self.side * 0.45)))

    def polygon(self, colour: str, *shares: tuple[float, float], depth: float = 0.3) -> None:
        self.solid(lambda draw: draw.polygon(self.points(*shares), fill=255), colour, depth)

    def ellipse(self, colour: str, *box: float, depth: float = 0.3) -> None:
        self.solid(lambda draw: draw.ellipse(self.box(*box), fill=255), colour, depth)  # type: ignore[call-arg]

    def rounded(self, colour: str, *box: float, radius: float = 0.03, depth: float = 0.3) -> None:
        self.solid(
            lambda draw: draw.rounded_rectangle(self.box(*box), radius=radius * self.side, fill=255),  # type: ignore[call-arg]
            colour,
            depth,
        )

    def line(self, colour: str, *shares: tuple[float, float], width: float = 0.012) -> None:
        stroke = round(width * self.side)
        self.solid(lambda draw: draw.line(self.points(*shares), fill=255, width=stroke, joint="curve"), colour, 0.2)

    def arc(self, colour: str, box: Sequence[float], start: float, end: float, width: float = 0.03) -> None:
        stroke = round(width * self.side)
        self.solid(lambda draw: draw.arc(self.box(*box), start, end, fill=255, width=stroke), colour, 0.3)  # type: ignore[call-arg]

    def to_webp(self) -> bytes:
        file = io.BytesIO()
        self.image.resize((SIZE, SIZE), Image.Resampling.LANCZOS).save(file, "WEBP", quality=86)
        return file.getvalue()


def darker(image: Image.Image, share: float) -> Colour:
    red, green, blue = image.getpixel((0, 0))  # type: ignore[misc]
    return round(red * share), round(green * share), round(blue * share)
