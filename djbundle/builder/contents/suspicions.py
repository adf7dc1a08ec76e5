"""The kind of a file by its folder, and the suspicions about files that have no such folder."""

from collections.abc import Iterator
from pathlib import Path

from djbundle.builder.contents import secret_contents
from djbundle.builder.contents.secret_names import Suspicion, suspicion_of_name
from djbundle.builder.core import packed

TEXTS = (".html", ".htm", ".xhtml", ".txt", ".xml", ".json", ".md", ".rst", ".svg", ".css", ".js", ".csv")
TEMPLATES = (*TEXTS, ".jinja", ".jinja2", ".j2", ".djhtml", ".mjml", ".tex", ".ics", ".yml", ".yaml", ".haml", ".pug")
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".ico", ".bmp", ".apng", ".cur", ".tif", ".tiff")
FONTS = (".woff", ".woff2", ".ttf", ".otf", ".eot")
MEDIA = (".mp3", ".mp4", ".m4a", ".webm", ".ogg", ".ogv", ".oga", ".wav", ".flac", ".vtt", ".srt", ".pdf", ".glb")
SCRIPTS = (".mjs", ".cjs", ".map", ".less", ".scss", ".sass", ".ts", ".tsx", ".jsx", ".vue", ".wasm", ".webmanifest")
FIXTURES = (".json", ".jsonl", ".xml", ".yaml", ".yml", ".gz", ".bz2", ".zip", ".xz", ".lzma", ".7z")
Kind = tuple[str, tuple[str, ...]]  # what the folder holds, and the suffixes of such files
# By the name of the folder.
KINDS: dict[str, Kind] = {
    "templates": ("a template", TEMPLATES),
    "jinja2": ("a template", TEMPLATES),
    "static": ("a static file", (*TEXTS, *PICTURES, *FONTS, *MEDIA, *SCRIPTS, ".geojson", ".topojson", ".gltf")),
    "fixtures": ("a fixture", FIXTURES),
    "locale": ("a translation", (".mo",)),
}


def suspicion_of_members(file: Path) -> Suspicion | None:
    """Return the suspicion about the members of an archive or a compressed file."""
    if not packed.is_packed(file.name.lower()):
        return None
    try:
        for name, content in packed.members(file):
            if suspicion := suspicion_of_name(name) or suspicion_of_content(content):
                return Suspicion(f"in it {name}: {suspicion.reason}")
    except packed.UnreadableError as error:
        return Suspicion(str(error))
    return None


def suspicion_of_content(content: bytes) -> Suspicion | None:
    head = content[: secret_contents.HEAD]
    return secret_contents.certain_secret_in(head, content) or secret_contents.likely_secret_in(content)


def secrets_among_static_files(folder: Path) -> Iterator[tuple[Path, Suspicion]]:
    """Yield the collected files that hold secrets.

    A name with the suffix of static files raises no suspicion; only the content counts then.
    """
    for source in sorted(path for path in folder.rglob("*") if path.is_file()):
        path = source.relative_to(folder)
        if suspicion := _suspicion_of_static(path, source):
            yield path, suspicion


def _suspicion_of_static(path: Path, source: Path) -> Suspicion | None:
    if path.suffix.lower() not in KINDS["static"][1]:
        by_name = suspicion_of_name(path)
        if by_name and by_name.is_secret:
            return by_name
        if likely := secret_contents.likely_secret(source):
            return likely
    return secret_contents.certain_secret(source)


def is_secret(path: Path, source: Path) -> bool:
    """Return whether a data file of a package outside of the project and of site-packages stays out."""
    is_kind = any(path.suffix.lower() in KINDS[part][1] for part in path.parts[:-1] if part in KINDS)
    return bool((not is_kind and suspicion_of_name(path)) or secret_contents.certain_secret(source))
