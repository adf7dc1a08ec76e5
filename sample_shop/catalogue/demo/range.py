"""The product range: categories and products in both languages."""

from collections.abc import Callable
from dataclasses import dataclass

from catalogue.demo import pictures
from catalogue.demo.drawing import Picture

CATEGORIES = {
    "kitchen": ("Kitchen", "Küche"),
    "light": ("Light", "Licht"),
    "living": ("Living", "Wohnen"),
    "paper": ("Paper", "Papier"),
}


@dataclass(frozen=True)
class Item:
    sku: str
    category: str
    name: str
    name_de: str
    price: str
    stock: int
    description: str
    description_de: str
    draw: Callable[[], Picture]
    featured: bool = False


RANGE = [
    Item(
        "K-101", "kitchen", "Stoneware mug “Moss”", "Steingutbecher „Moos“", "24.90", 48,
        "Thrown and glazed by hand; no two are the same green. Holds 300 ml and does not mind the dishwasher.",
        "Von Hand gedreht und glasiert, jedes Grün ein wenig anders. Fasst 300 ml und darf in die Spülmaschine.",
        lambda: pictures.mug("#eadfce", "#6f8f72", "#4b3a2a"), featured=True,
    ),
    Item(
        "K-102", "kitchen", "Salad bowl “Dune”", "Salatschüssel „Düne“", "59.00", 12,
        "A wide bowl for the middle of the table, in warm sand outside and chalk white inside.",
        "Eine weite Schüssel für die Mitte des Tisches, außen warmer Sand, innen Kreideweiß.",
        lambda: pictures.bowl("#dfe6e3", "#c9a27c", "#f4eee3"),
    ),
    Item(
        "K-103", "kitchen", "Teapot “Harbour”", "Teekanne „Hafen“", "84.00", 9,
        "Pours without a drop going astray. One litre, with a sieve of stainless steel.",
        "Gießt, ohne dass ein Tropfen danebengeht. Ein Liter, mit Sieb aus Edelstahl.",
        lambda: pictures.teapot("#efe4d6", "#3f5f7a", "#b98b56"), featured=True,
    ),
    Item(
        "K-104", "kitchen", "Bread board, oak", "Brotbrett aus Eiche", "39.50", 30,
        "One piece of oak from the Odenwald, oiled three times. It gets better with every loaf.",
        "Ein Stück Eiche aus dem Odenwald, dreimal geölt. Mit jedem Laib wird es schöner.",
        lambda: pictures.board("#e6ebe2", "#c89b68", "#a97b4b"),
    ),
    Item(
        "L-201", "light", "Table lamp “Linen”", "Tischleuchte „Leinen“", "129.00", 7,
        "A shade of undyed linen on a foot of turned ash. Light for reading, not for operating.",
        "Ein Schirm aus ungefärbtem Leinen auf einem Fuß aus gedrechselter Esche. Licht zum Lesen.",
        lambda: pictures.table_lamp("#cfd8d2", "#e9dcc3", "#8a6a48"), featured=True,
    ),
    Item(
        "L-202", "light", "Pendant “Ember”", "Hängeleuchte „Glut“", "169.00", 4,
        "Spun steel, powder-coated in rust red. Hangs low above a table and keeps the room calm.",
        "Gedrückter Stahl, rostrot beschichtet. Hängt tief über dem Tisch und hält den Raum ruhig.",
        lambda: pictures.pendant("#d9d3c7", "#a8491f", "#2b2a27"),
    ),
    Item(
        "L-203", "light", "Beeswax candle", "Kerze aus Bienenwachs", "14.50", 120,
        "Pure beeswax from an apiary in the Taunus. Burns for forty hours and smells of summer.",
        "Reines Bienenwachs aus einer Imkerei im Taunus. Brennt vierzig Stunden und riecht nach Sommer.",
        lambda: pictures.candle("#c9cfc6", "#e6bd6a", "#8f9a8c"),
    ),
    Item(
        "W-301", "living", "Cushion “Ticking”", "Kissen „Streifen“", "45.00", 26,
        "Striped ticking of cotton and hemp, filled with wool. 50 by 50 centimetres.",
        "Gestreifter Drell aus Baumwolle und Hanf, gefüllt mit Wolle. 50 mal 50 Zentimeter.",
        lambda: pictures.cushion("#e4dccd", "#f3ead9", "#7d92a6"), featured=True,
    ),
    Item(
        "W-302", "living", "Wool throw", "Wolldecke", "98.00", 18,
        "Woven in Saxony from the wool of three hundred sheep whose shepherd we know.",
        "In Sachsen gewebt, aus der Wolle von dreihundert Schafen, deren Schäfer wir kennen.",
        lambda: pictures.throws("#e2e8e6", "#7f8f7a", "#d7b98a", "#b5654a"),
    ),
    Item(
        "W-303", "living", "Vase “Pebble”", "Vase „Kiesel“", "36.00", 22,
        "Small enough for three twigs, heavy enough for a cat.",
        "Klein genug für drei Zweige, schwer genug für eine Katze.",
        lambda: pictures.vase("#ece3d8", "#b9b2a6", "#5d7a5c"),
    ),
    Item(
        "W-304", "living", "Wall clock “Quarter”", "Wanduhr „Viertel“", "74.00", 0,
        "Beech, glass and a movement that you do not hear.",
        "Buche, Glas und ein Werk, das man nicht hört.",
        lambda: pictures.clock("#dde3df", "#7a5c3f", "#fbf7ee"),
    ),
    Item(
        "P-401", "paper", "Notebook, dotted", "Notizbuch, gepunktet", "18.00", 64,
        "192 pages of paper that takes ink, thread-sewn so that it lies flat.",
        "192 Seiten Papier, das Tinte verträgt, mit Faden geheftet und flach aufzuschlagen.",
        lambda: pictures.notebook("#e9e2d4", "#2f5d50", "#d9a441"),
    ),
    Item(
        "P-402", "paper", "Pencils, set of six", "Bleistifte, sechs Stück", "12.00", 80,
        "Cedar and graphite, in the colours of a meadow in June.",
        "Zeder und Graphit, in den Farben einer Wiese im Juni.",
        lambda: pictures.pencils(
            "#e3e7ea", "#d8d2c6", "#b5453a", "#d9a441", "#5d7a5c", "#3f5f7a", "#8a5a83", "#c9733f"
        ),
    ),
    Item(
        "P-403", "paper", "Letterpress cards", "Karten im Buchdruck", "16.50", 3,
        "Four cards with envelopes, printed in Leipzig on a press of 1954.",
        "Vier Karten mit Umschlägen, in Leipzig auf einer Presse von 1954 gedruckt.",
        lambda: pictures.cards("#d9ded6", "#b5654a", "#d9a441", "#5d7a5c", "#3f5f7a"),
    ),
]  # fmt: skip
