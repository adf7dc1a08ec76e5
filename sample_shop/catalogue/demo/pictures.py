"""Pictures of the products: a function for each kind of product."""

import math

from catalogue.demo.drawing import TABLE, Picture


def mug(wall: str, colour: str, inside: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.3, 0.68)
    picture.arc(colour, (0.58, 0.46, 0.78, 0.66), -100, 100, 0.035)
    picture.rounded(colour, 0.3, 0.4, 0.66, TABLE, radius=0.06)
    picture.ellipse(colour, 0.3, 0.36, 0.66, 0.44, depth=0.1)
    picture.ellipse(inside, 0.32, 0.37, 0.64, 0.43)
    return picture


def bowl(wall: str, colour: str, inside: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.3, 0.7)
    picture.solid(lambda draw: draw.pieslice(picture.box(0.18, 0.2, 0.82, 0.78), 0, 180, fill=255), colour, 0.35)
    picture.rounded(colour, 0.4, 0.74, 0.6, 0.79, radius=0.01)
    picture.ellipse(colour, 0.18, 0.43, 0.82, 0.55, depth=0.1)
    picture.ellipse(inside, 0.205, 0.445, 0.795, 0.535)
    return picture


def teapot(wall: str, colour: str, knob: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.26, 0.72)
    picture.arc(knob, (0.3, 0.18, 0.68, 0.6), 180, 360, 0.022)
    picture.polygon(colour, (0.66, 0.6), (0.86, 0.42), (0.9, 0.45), (0.7, 0.7))
    picture.ellipse(colour, 0.24, 0.38, 0.74, TABLE + 0.02)
    picture.ellipse(colour, 0.36, 0.36, 0.62, 0.44, depth=0.15)
    picture.ellipse(knob, 0.46, 0.32, 0.52, 0.38)
    return picture


def board(wall: str, wood: str, grain: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.3, 0.66, 0.8)
    picture.rounded(wood, 0.45, 0.12, 0.55, 0.4, radius=0.05, depth=0.2)
    picture.rounded(wood, 0.3, 0.28, 0.7, 0.8, radius=0.06, depth=0.2)
    for x in (0.36, 0.43, 0.5, 0.57, 0.64):
        wave = [(x + 0.008 * math.sin(9 * y + 20 * x), y) for y in (0.32 + 0.02 * step for step in range(23))]
        picture.line(grain, *wave, width=0.004)
    picture.ellipse(wall, 0.48, 0.16, 0.52, 0.2, depth=0)
    return picture


def vase(wall: str, colour: str, leaf: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.38, 0.62)
    for x, y, lean in ((0.4, 0.14, -0.05), (0.5, 0.08, 0.0), (0.6, 0.16, 0.05)):
        picture.line(leaf, (0.5, 0.5), (x - lean, y + 0.2), (x, y), width=0.008)
        for step in range(4):
            height = y + 0.02 + 0.07 * step
            picture.ellipse(leaf, x - 0.075 - lean * step * 0.3, height, x - 0.005, height + 0.035)
            picture.ellipse(leaf, x + 0.005, height + 0.03, x + 0.075 - lean * step * 0.3, height + 0.065)
    picture.ellipse(colour, 0.34, 0.46, 0.66, TABLE + 0.02)
    picture.rounded(colour, 0.44, 0.4, 0.56, 0.56, radius=0.015)
    return picture


def table_lamp(wall: str, shade: str, foot: str) -> Picture:
    picture = Picture(wall)
    picture.glow(0.5, 0.42, 0.34, "#fff4d6")
    picture.shadow(0.38, 0.62)
    picture.rounded(foot, 0.485, 0.4, 0.515, TABLE, radius=0.005)
    picture.ellipse(foot, 0.38, TABLE - 0.03, 0.62, TABLE + 0.02)
    picture.polygon(shade, (0.4, 0.2), (0.6, 0.2), (0.7, 0.45), (0.3, 0.45), depth=0.18)
    picture.ellipse("#fff7e0", 0.3, 0.43, 0.7, 0.47, depth=0.08)
    return picture


def pendant(wall: str, shade: str, cord: str) -> Picture:
    picture = Picture(wall)
    picture.glow(0.5, 0.62, 0.3, "#fff4d6")
    picture.line(cord, (0.5, 0), (0.5, 0.3), width=0.006)
    picture.solid(lambda draw: draw.pieslice(picture.box(0.22, 0.26, 0.78, 0.86), 180, 360, fill=255), shade, 0.35)
    picture.ellipse("#fff3cf", 0.22, 0.52, 0.78, 0.6, depth=0.08)
    picture.ellipse("#ffffff", 0.46, 0.53, 0.54, 0.61, depth=0)
    return picture


def candle(wall: str, wax: str, dish: str) -> Picture:
    picture = Picture(wall)
    picture.glow(0.5, 0.27, 0.2, "#ffe9b0")
    picture.shadow(0.3, 0.68)
    picture.ellipse(dish, 0.28, TABLE - 0.05, 0.72, TABLE + 0.03)
    picture.rounded(wax, 0.42, 0.36, 0.58, TABLE, radius=0.02, depth=0.22)
    picture.line("#4a3f35", (0.5, 0.37), (0.5, 0.32), width=0.008)
    picture.ellipse("#f2a93b", 0.475, 0.23, 0.525, 0.34, depth=0.1)
    picture.ellipse("#fff1c1", 0.487, 0.27, 0.513, 0.335, depth=0)
    return picture


def cushion(wall: str, colour: str, stripe: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.22, 0.78, 0.78)
    corners = [
        (0.22, 0.3),
        (0.5, 0.34),
        (0.78, 0.3),
        (0.74, 0.54),
        (0.78, 0.78),
        (0.5, 0.75),
        (0.22, 0.78),
        (0.26, 0.54),
    ]
    picture.polygon(colour, *corners, depth=0.25)
    for x in (0.36, 0.5, 0.64):
        picture.line(stripe, (x, 0.325), (x + 0.01, 0.54), (x, 0.765), width=0.02)
    return picture


def throws(wall: str, *colours: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.2, 0.8, 0.78)
    for level, colour in enumerate(colours):
        top = 0.66 - 0.115 * level
        inset = 0.012 * level
        picture.rounded(colour, 0.2 + inset, top, 0.8 - inset, top + 0.125, radius=0.06, depth=0.25)
        picture.line(picture_seam(colour), (0.24 + inset, top + 0.065), (0.78 - inset, top + 0.065), width=0.004)
    return picture


def picture_seam(colour: str) -> str:
    """Return a darker shade of a colour such as "#c96f4a"."""
    return "#" + "".join(f"{round(int(colour[at : at + 2], 16) * 0.8):02x}" for at in (1, 3, 5))


def clock(wall: str, rim: str, face: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.3, 0.72, 0.8)
    picture.ellipse(rim, 0.2, 0.18, 0.8, 0.78)
    picture.ellipse(face, 0.24, 0.22, 0.76, 0.74, depth=0.08)
    for hour in range(12):
        turn = math.tau * hour / 12
        inner, outer = 0.21, 0.235
        x, y = math.sin(turn), -math.cos(turn)
        picture.line(rim, (0.5 + inner * x, 0.48 + inner * y), (0.5 + outer * x, 0.48 + outer * y))
    picture.line(rim, (0.5, 0.48), (0.4, 0.37), width=0.016)
    picture.line(rim, (0.5, 0.48), (0.64, 0.36), width=0.01)
    picture.ellipse(rim, 0.485, 0.465, 0.515, 0.495)
    return picture


def notebook(wall: str, cover: str, band: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.3, 0.7, 0.8)
    picture.rounded("#f4efe4", 0.31, 0.21, 0.72, 0.8, radius=0.015, depth=0.1)
    picture.rounded(cover, 0.29, 0.2, 0.7, 0.79, radius=0.02, depth=0.2)
    picture.rounded(picture_seam(cover), 0.29, 0.2, 0.335, 0.79, radius=0.02, depth=0.05)
    picture.rounded(band, 0.62, 0.2, 0.64, 0.79, radius=0.0, depth=0.1)
    return picture


def pencils(wall: str, cup: str, *colours: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.38, 0.62)
    for number, colour in enumerate(colours):
        x = 0.4 + 0.2 * number / (len(colours) - 1)
        lean, top = (x - 0.5) * 0.7, 0.2 + 0.03 * (number % 3)
        tip = (x + lean, top)
        picture.polygon(
            colour, (x - 0.014, 0.55), (x + 0.014, 0.55), (tip[0] + 0.014, top + 0.06), (tip[0] - 0.014, top + 0.06)
        )
        picture.polygon("#e8cfa6", tip, (tip[0] + 0.014, top + 0.06), (tip[0] - 0.014, top + 0.06))
    picture.rounded(cup, 0.37, 0.46, 0.63, TABLE, radius=0.03)
    return picture


def cards(wall: str, *colours: str) -> Picture:
    picture = Picture(wall)
    picture.shadow(0.26, 0.76, 0.78)
    for number, colour in enumerate(colours):
        shift = 0.07 * number
        picture.rounded(
            "#fffdf8", 0.2 + shift, 0.24 + shift * 0.6, 0.6 + shift, 0.64 + shift * 0.6, radius=0.012, depth=0.08
        )
        picture.ellipse(colour, 0.31 + shift, 0.33 + shift * 0.6, 0.49 + shift, 0.51 + shift * 0.6)
    return picture
