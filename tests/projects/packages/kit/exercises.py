"""Exercises of each package, as far as it loads something. Each answer is the same everywhere."""

import asyncio
import ctypes
import ctypes.util
import datetime
import io
from collections.abc import Callable
from pathlib import Path

import argon2
import bcrypt
import brotli
import cffi
import cv2
import lxml.etree
import lxml.html
import numpy as np
import orjson
import psycopg
import pydantic
import reportlab
import uvloop
import yaml
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from PIL import Image, ImageCms, ImageDraw, ImageFont, features
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from kit import plugins

CRYPT = ctypes.CDLL(ctypes.util.find_library("crypt"))
CRYPT.crypt.restype = ctypes.c_char_p


def pillow() -> object:
    """Each format has a library of its own; the font comes as data."""
    image = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(image).text((10, 10), "Ünïcode", fill="black", font=ImageFont.load_default(24))
    ImageCms.applyTransform(
        image, ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    )
    sizes = {}
    for form in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "JPEG2000", "AVIF"):
        file = io.BytesIO()
        image.save(file, form)
        sizes[form] = Image.open(io.BytesIO(file.getvalue())).convert("RGB").resize((50, 25)).size
    return sizes, features.check("raqm"), features.check("freetype2"), min(image.getdata())


def lxml_trees() -> object:
    style = lxml.etree.XSLT(
        lxml.etree.XML(
            '<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform">'
            '<x:template match="/"><b><x:value-of select="count(//i)"/></b></x:template></x:stylesheet>'
        )
    )
    page = lxml.html.fromstring("<p>a<i>b</i><i>c</i>")
    schema = lxml.etree.RelaxNG(
        lxml.etree.XML('<element name="a" xmlns="http://relaxng.org/ns/structure/1.0"><empty/></element>')
    )
    return str(style(page.getroottree())), page.xpath("//i/text()"), schema.validate(lxml.etree.XML("<a/>"))


def psycopg_binary() -> object:
    try:
        psycopg.connect("host=/nowhere dbname=none user=none", connect_timeout=2)
    except psycopg.OperationalError as error:
        return psycopg.pq.__impl__, psycopg.pq.version() > 160000, "/nowhere" in str(error)
    return "connected"


def cryptography_openssl() -> object:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop")])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(1))
    certificate = builder.sign(key, hashes.SHA256())
    box = Fernet(Fernet.generate_key())
    return certificate.subject.rfc4514_string(), box.decrypt(box.encrypt(b"secret"))


def numpy_blas() -> object:
    """OpenBLAS comes in numpy.libs and starts threads."""
    matrix = np.arange(250_000, dtype=float).reshape(500, 500) % 7 + 10 * np.eye(500)
    solved = np.linalg.solve(matrix, np.ones(500))
    return (
        bool(np.allclose(matrix @ solved, 1)),
        np.fft.fft(np.ones(4)).real.tolist(),
        np.random.default_rng(4).integers(9),
    )


def opencv_pictures() -> object:
    """cv2 puts its folder first on sys.path, and imports itself once more from there."""
    picture = cv2.resize(np.full((8, 8), 7, np.uint8), (2, 2))
    return picture.ravel().tolist(), cv2.imencode(".png", picture)[0], cv2.GaussianBlur(picture, (3, 3), 0).tolist()


async def _echo() -> object:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
    writer.write(b"hello\n")
    answer = await reader.readline()
    writer.close()
    server.close()
    child = await asyncio.create_subprocess_exec("/bin/echo", "from a child", stdout=asyncio.subprocess.PIPE)
    told, _ = await child.communicate()
    return answer, told, type(asyncio.get_running_loop()).__module__


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    writer.close()


def uvloop_sockets() -> object:
    return uvloop.run(_echo())


def password_hashes() -> object:
    hasher = argon2.PasswordHasher()
    return hasher.verify(hasher.hash("correct"), "correct"), bcrypt.checkpw(
        b"horse", bcrypt.hashpw(b"horse", bcrypt.gensalt(4))
    )


def small_ones() -> object:
    class Basket(pydantic.BaseModel):
        count: int

    packed = brotli.compress(b"a" * 1000)
    loaded = yaml.load("a: [1, 2]", yaml.CSafeLoader)
    return orjson.dumps({"a": 1}), brotli.decompress(packed) == b"a" * 1000, loaded, Basket(count="3").count


def reportlab_fonts() -> object:
    """Fonts are read from files in the package."""
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
    file = io.BytesIO()
    canvas = Canvas(file, invariant=1)
    canvas.setFont("Vera", 20)
    canvas.drawString(100, 700, "Ünïcode")
    canvas.save()
    return (
        file.getvalue()[:5],
        b"BitstreamVera" in file.getvalue(),
        Path(reportlab.__file__).with_name("fonts").is_dir(),
    )


def settings_in_parts() -> object:
    """One part is read as a file, and the module asks for settings before it has all of them."""
    return settings.LANGUAGE_CODE, settings.KNOWN_SO_FAR, settings.KNOWN_LATER


def plugins_beside() -> object:
    return plugins.ANSWERS


def cffi_calls() -> object:
    ffi = cffi.FFI()
    ffi.cdef("size_t strlen(const char *); double cos(double);")
    return ffi.dlopen(None).strlen(b"four"), ffi.dlopen("libm.so.6").cos(0.0)


def library_of_the_system() -> object:
    """One that nothing but its name asks for, as bindings with ctypes do."""
    hashed: bytes = CRYPT.crypt(b"secret", b"$6$salt")
    return CRYPT._name, hashed


ALL: list[Callable[[], object]] = [
    pillow,
    lxml_trees,
    psycopg_binary,
    cryptography_openssl,
    numpy_blas,
    opencv_pictures,
    uvloop_sockets,
    password_hashes,
    small_ones,
    reportlab_fonts,
    cffi_calls,
    settings_in_parts,
    plugins_beside,
    library_of_the_system,
]
