"""``djbundle inspect --svg``: the sizes as a treemap, a picture in which each area is a share of the file."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

import squarify

from djbundle.builder.core.console import MEGABYTE
from djbundle.builder.reports.sizes import FRAME, SHARED, STATIC, Inspection, Size

WIDTH, HEIGHT, HEAD = 1200, 760, 44  # pixels
LETTER, BOLD_LETTER, LINE = 6.6, 7.4, 15  # pixels of a letter, on average, and of a line
TITLE = 18  # pixels above the folders of a group
SMALLEST = 0.0004  # of the file; smaller ones are drawn together
GAP = 1
PALETTE = ("#4c78a8", "#72b7b2", "#54a24b", "#9d755d", "#b279a2", "#e45756", "#8c8c3c", "#5b8ff9", "#6b7fa3", "#a05d56")
FIXED = {STATIC: "#d99b2b", SHARED: "#7a6fb0", FRAME: "#8a8a8a"}
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#fff}.head{font-size:18px;fill:#222}.group{font-weight:600}"
    "rect{stroke:#fff;stroke-width:.6}.note{fill:#555;font-size:13px}"
)


class Box(NamedTuple):
    """A rectangle, in pixels."""

    x: float
    y: float
    width: float
    height: float


def draw(inspection: Inspection) -> str:
    """Return the treemap as an SVG document."""
    title = f"{inspection.name} {inspection.version}"
    note = f"{megabytes(inspection.size)} for {inspection.machine}; each area is a share of the file"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text class="head" x="8" y="28">{escape(title)}</text>',
        f'<text class="note" x="{8 + 11 * len(title) + 16}" y="28">{escape(note)}</text>',
    ]
    groups = merge_small(inspection.groups, inspection.size)
    area = Box(0, HEAD, WIDTH, HEIGHT - HEAD)
    for number, (group, box) in enumerate(zip(groups, boxes(groups, area), strict=True)):
        colour = FIXED.get(group.name, PALETTE[number % len(PALETTE)])
        lines += _group(group, inspection.folders.get(group.name, []), box, colour, inspection.size)
    return "\n".join([*lines, "</svg>", ""])


def boxes(sizes: Sequence[Size], area: Box) -> list[Box]:
    """Return a rectangle for each size, the largest first, which fill the area."""
    if not sizes or area.width <= 0 or area.height <= 0:
        return []
    values = squarify.normalize_sizes([each.stored for each in sizes], area.width, area.height)
    laid = squarify.squarify(values, area.x, area.y, area.width, area.height)
    return [Box(each["x"], each["y"], each["dx"], each["dy"]) for each in laid]


def merge_small(sizes: Sequence[Size], whole: int) -> list[Size]:
    """Return the sizes that can be seen, largest first; the others as one."""
    seen = [each for each in sizes if each.stored >= whole * SMALLEST]
    small = [each for each in sizes if 0 < each.stored < whole * SMALLEST]
    if small:
        name = small[0].name if len(small) == 1 else f"{len(small)} smaller ones"
        stored, raw = sum(each.stored for each in small), sum(each.raw for each in small)
        seen.append(Size(name, stored, raw, sum(each.files for each in small)))
    return sorted(seen, key=lambda each: -each.stored)


def _group(group: Size, folders: Sequence[Size], box: Box, colour: str, whole: int) -> Iterator[str]:
    yield f"<g><title>{escape(_tooltip(group))}</title>{_rect(box, colour)}{_label(group, box, 'group')}</g>"
    inner = Box(box.x + GAP, box.y + TITLE, box.width - 2 * GAP, box.height - TITLE - GAP)
    if len(folders) < 2 or inner.width < 2 * TITLE or inner.height < TITLE:
        return
    shown = merge_small(folders, whole)
    for number, (folder, place) in enumerate(zip(shown, boxes(shown, inner), strict=True)):
        shade = f"<g><title>{escape(_tooltip(folder))}</title>{_rect(place, colour, 0.06 * (number % 3))}"
        yield f"{shade}{_label(folder, place, 'folder')}</g>"


def _rect(box: Box, colour: str, darker: float = 0) -> str:
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    shade = f'<rect {place} fill="#000" fill-opacity="{darker + 0.04:.2f}"/>' if darker else ""
    return f'<rect {place} fill="{colour}"/>{shade}'


def _label(size: Size, box: Box, kind: str) -> str:
    """Return the name, and below it the size, as far as there is room."""
    room = int((box.width - 8) / (BOLD_LETTER if kind == "group" else LETTER))
    name = size.name if kind == "group" else size.name.rpartition("/")[2]
    if box.height < LINE or room < 4:
        return ""
    if kind == "group":
        with_size = f"{name}  {megabytes(size.stored)}"
        name = with_size if len(with_size) <= room else name
    text = name if len(name) <= room else f"{name[: room - 1]}…"
    label = f'<text class="{kind}" x="{box.x + 4:.1f}" y="{box.y + 13:.1f}">{escape(text)}</text>'
    if kind == "folder" and box.height >= 2 * LINE + 4 and room >= 7:
        label += f'<text x="{box.x + 4:.1f}" y="{box.y + 13 + LINE:.1f}">{megabytes(size.stored)}</text>'
    return label


def _tooltip(size: Size) -> str:
    files = f", {size.files:,} files" if size.files > 1 else ""
    return f"{size.name}: {megabytes(size.stored)}, {megabytes(size.raw)} unpacked{files}"


def megabytes(size: int) -> str:
    """Return a size for people."""
    return f"{size / MEGABYTE:.1f} MB" if size >= MEGABYTE // 10 else f"{size / 1000:.0f} KB"
