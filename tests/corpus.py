"""Hostile picture files, made from sound ones and from numbers: cut, damaged, misnamed, and lying
about what they hold.

`corpus()` makes them one by one, `stored()` puts them into a folder. What becomes of each is found
out by `trials`.
"""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pictures import ADOBE_RGB_TO_XYZ, UInt8, photo, ramp, rgb_profile, truncations
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

PARTS = 16  # of a file, at whose ends it is cut
FLIPS = 8  # files with flipped bits, of each kind, where nothing else is said
FAR, MOST = 65_535, 2**31 - 1  # pixels that headers declare
# a side of the largest pictures that are read into memory: a little less than 100 megapixels
NEAR = 9_999
ABSURD = (
    (FAR, FAR),
    (MOST, MOST),
    (FAR, 1),
    (1, FAR),
    (0, 0),
    (0, 60),
    (80, 0),
    (2**32 - 1, 60),
)  # width, height
SIDES = ((1, 1), (1, 300), (300, 1), (1, 5000), (5000, 1))  # height, width
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


class Case(NamedTuple):
    """A file to be tried: its name, which says what was done to it, and its bytes."""

    name: str
    data: bytes


def corpus(flips: int = FLIPS, seed: int = 0, bombs: bool = True) -> Iterator[Case]:
    """All of it: a few sound files of every kind, and what is made of them.

    Args:
        flips: files with flipped bits, of each kind.
        seed: of the bits that are flipped.
        bombs: with pictures of 100 megapixels and the like, which take seconds each.
    """
    files = sound()
    for name, data in files.items():
        yield Case(name, data)
        yield from cut(name, data)
        yield from flipped(name, data, flips, seed)
    yield from misnamed(files)
    yield from absurd(files)
    yield from metadata(files)
    yield from empty(files)
    yield from thin()
    if bombs:
        yield from absurd(files, [(NEAR, NEAR)])
        yield from bombs_of_pixels()


def stored(folder: Path, cases: Iterable[Case]) -> list[Path]:
    """The files in a folder."""
    paths = []
    for case in cases:
        path = folder / case.name
        path.write_bytes(case.data)
        paths.append(path)
    return paths


# Sound files


def sound() -> dict[str, bytes]:
    """A small file of each kind that is read, by name."""
    noise = np.random.default_rng(0).integers(0, 40, (60, 80, 3), np.uint8)
    rgb = Image.fromarray(photo(60, 80) // 2 + noise)
    rgba = rgb.copy()
    rgba.putalpha(Image.fromarray(ramp(60, 80)))
    deep = Image.fromarray(np.asarray(rgb.convert("L"), np.uint16) * 257)
    more = [Image.fromarray(np.roll(np.asarray(rgb), 9 * number, 1)) for number in range(1, 4)]
    frames: dict[str, Any] = {"save_all": True, "append_images": more}
    timed = {**frames, "duration": 80, "loop": 0}
    about: dict[str, Any] = {"exif": exif(), "icc_profile": rgb_profile(ADOBE_RGB_TO_XYZ, 2.2)}
    kinds: list[tuple[str, Image.Image, str, dict[str, Any]]] = [
        ("baseline.jpg", rgb, "JPEG", {"xmp": XMP, **about}),
        ("progressive.jpg", rgb, "JPEG", {"progressive": True, "restart_marker_rows": 1}),
        ("grey.jpg", rgb.convert("L"), "JPEG", {}),
        ("cmyk.jpg", rgb.convert("CMYK"), "JPEG", {}),
        ("color.png", rgb, "PNG", about),
        ("alpha.png", rgba, "PNG", {}),
        ("deep.png", deep, "PNG", {}),
        ("palette.png", rgb.quantize(16), "PNG", {"transparency": 3}),
        ("one-bit.png", rgb.convert("1"), "PNG", {}),
        ("animated.png", rgb, "PNG", timed),
        ("lossy.webp", rgb, "WEBP", {"xmp": XMP, **about}),
        ("lossless.webp", rgba, "WEBP", {"lossless": True}),
        ("animated.webp", rgb, "WEBP", timed),
        ("raw.tif", rgb, "TIFF", about),
        ("lzw.tif", rgba, "TIFF", {"compression": "tiff_lzw"}),
        ("deflate.tif", deep, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("jpeg.tif", rgb, "TIFF", {"compression": "jpeg"}),
        ("packed.tif", rgb.convert("CMYK"), "TIFF", {"compression": "packbits"}),
        ("fax.tif", rgb.convert("1"), "TIFF", {"compression": "group4"}),
        ("float.tif", rgb.convert("F"), "TIFF", {}),
        ("pages.tif", rgb, "TIFF", frames),
        ("big.tif", rgb, "TIFF", {"big_tiff": True}),
        ("lossy.avif", rgb, "AVIF", {"xmp": XMP, **about}),
        ("alpha.avif", rgba, "AVIF", {}),
        ("animated.avif", rgb, "AVIF", timed),
        ("still.gif", rgb, "GIF", {"transparency": 3, "comment": b"a comment"}),
        ("animated.gif", rgb, "GIF", timed),
        ("color.bmp", rgb, "BMP", {}),
        ("palette.bmp", rgb.quantize(16), "BMP", {}),
    ]
    found = {name: encoded(image, form, **options) for name, image, form, options in kinds}
    found["runs.bmp"] = bmp_of_runs(60, 80, (b"\x50\x07\0\0") * 60 + b"\0\1")
    found["interlaced.png"] = png(60, 80, interlaced(np.asarray(rgb)), interlace=1)
    try:
        from pillow_heif import from_pillow
    except ImportError:
        return found
    buffer = io.BytesIO()
    from_pillow(rgb).save(buffer, quality=60, exif=exif())
    return {**found, "lossy.heic": buffer.getvalue()}


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """A file of a picture, by Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def exif() -> bytes:
    """What a camera says of a picture."""
    block = Image.Exif()
    block[Base.Make], block[Base.Orientation] = "Leitz", 6
    block[IFD.Exif] = {
        Base.DateTimeOriginal: "2024:05:06 07:08:09",
        Base.FocalLength: 35.0,
        Base.MakerNote: b"private" * 20,
    }
    block[IFD.GPSInfo] = {GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (59.0, 20.0, 30.0)}
    return block.tobytes()


# Damage


def cut(name: str, data: bytes) -> Iterator[Case]:
    """Nothing of a file, and what is left where it is cut at every 1/16."""
    for part, left in enumerate([b"", *truncations(data, PARTS)]):
        yield Case(f"cut-{part:02}-{name}", left)


def flipped(name: str, data: bytes, count: int, seed: int) -> Iterator[Case]:
    """Files with flipped bits: one of the header's in every second file, up to 64 of anywhere in
    the others."""
    chance = np.random.default_rng([seed, zlib.crc32(name.encode())])
    for number in range(count):
        damaged = np.frombuffer(data, np.uint8).copy()
        region = min(len(data), 256) if number % 2 else len(data)
        for place in chance.integers(0, region, 1 if number % 2 else chance.integers(1, 64)):
            damaged[place] ^= 1 << chance.integers(0, 8)
        yield Case(f"flip-{number:03}-{name}", damaged.tobytes())


def misnamed(files: dict[str, bytes]) -> Iterator[Case]:
    """Files under the suffix of another format, or of none; and what is no picture under the suffix
    of each."""
    suffixes = sorted({Path(name).suffix for name in files})
    for name, data in files.items():
        others = [suffix for suffix in suffixes if suffix != Path(name).suffix]
        suffix = others[zlib.crc32(name.encode()) % len(others)]
        yield Case(f"misnamed-{name.replace('.', '-')}{suffix}", data)
    junk = np.random.default_rng(0).bytes(5000)
    for suffix in suffixes:
        for kind, data in {
            "letter": b"Dear Sir or Madam,\n" * 40,
            "junk": junk,
            "zeros": bytes(5000),
        }.items():
            yield Case(f"{kind}{suffix}", data)
        first = next(data for name, data in files.items() if name.endswith(suffix))
        yield Case(f"beginning{suffix}", first[:12] + junk)


def absurd(files: dict[str, bytes], sizes: Iterable[tuple[int, int]] = ABSURD) -> Iterator[Case]:
    """Headers that declare far more pixels than there are, or than there can be, or none."""
    for width, height in sizes:
        for name, data in files.items():
            if changed := resized_header(name, data, width, height):
                yield Case(f"says-{width}x{height}-{name}", changed)


def resized_header(name: str, data: bytes, width: int, height: int) -> bytes | None:
    """A file whose header, and nothing else, is that of another size; None where its fields do not
    hold it."""
    suffix = Path(name).suffix
    try:
        if suffix == ".jpg":
            start = (
                next(data.index(mark) for mark in (b"\xff\xc0", b"\xff\xc2") if mark in data) + 5
            )
            return replaced(data, start, struct.pack(">HH", height, width))
        if suffix == ".png":
            header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
            return replaced(data, 12, header + struct.pack(">I", zlib.crc32(header)))
        if suffix == ".bmp":
            return replaced(data, 18, struct.pack("<ii", width, height))
        if suffix == ".gif":
            frame = data.index(b",\0\0\0\0") + 5
            return replaced(
                replaced(data, 6, struct.pack("<HH", width, height)),
                frame,
                struct.pack("<HH", width, height),
            )
        if suffix == ".webp":
            return riff_resized(data, width, height)
        if suffix in (".avif", ".heic"):
            while (start := data.find(b"ispe")) >= 0:  # every one there is
                data = replaced(data, start, b"ISPE\0\0\0\0" + struct.pack(">II", width, height))
            return data.replace(b"ISPE", b"ispe")
        return tiff_changed(data, {256: width, 257: height})
    except struct.error:
        return None


def replaced(data: bytes, start: int, new: bytes) -> bytes:
    """Bytes with others from `start` on."""
    return data[:start] + new + data[start + len(new) :]


def riff_resized(data: bytes, width: int, height: int) -> bytes | None:
    """A WebP file of another size: of its canvas, if it says one, and of its first picture."""
    if (
        (start := data.find(b"VP8X")) >= 0
        and min(width, height) > 0
        and max(width, height) <= 1 << 24
    ):
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        data = replaced(data, start + 12, sides)
    elif max(width, height) >= 1 << 14:
        return None
    if (start := data.find(b"VP8 ")) >= 0:
        return replaced(
            data, start + 14, struct.pack("<HH", min(width, 0x3FFF), min(height, 0x3FFF))
        )
    start = data.index(b"VP8L") + 9
    bits = int.from_bytes(data[start : start + 4], "little") >> 28 << 28
    bits |= (min(width - 1, 0x3FFF) & 0x3FFF) | (min(height - 1, 0x3FFF) & 0x3FFF) << 14
    return replaced(data, start, struct.pack("<I", bits))


def tiff_changed(data: bytes, values: dict[int, int]) -> bytes:
    """A TIFF file as Pillow writes it, with other values of tags of its first directory, in 32
    bits."""
    big = data[2] == 43
    (start,) = struct.unpack_from("<Q" if big else "<I", data, 8 if big else 4)
    (count,) = struct.unpack_from("<Q" if big else "<H", data, start)
    for number in range(count):
        place = start + (8 + 20 * number if big else 2 + 12 * number)
        (tag,) = struct.unpack_from("<H", data, place)
        if tag in values:
            entry = struct.pack("<HHQQ" if big else "<HHII", tag, 4, 1, values[tag])
            data = replaced(data, place, entry)
    return data


# Metadata


def metadata(files: dict[str, bytes]) -> Iterator[Case]:
    """Metadata that is nested in itself, repeated, or larger than any picture."""
    image = Image.fromarray(photo(24, 32))
    for name, block in exif_blocks().items():
        yield Case(f"exif-{name}.png", encoded(image, "PNG", exif=block))
        yield Case(f"exif-{name}.webp", encoded(image, "WEBP", exif=block))
        yield Case(
            f"exif-{name}.jpg", jpeg_with(encoded(image, "JPEG"), 0xE1, b"Exif\0\0", block[6:])
        )
        yield Case(f"exif-{name}.tif", tiff_of(block[6:]))
    for name, profile in profiles().items():
        for form, suffix in (
            ("PNG", ".png"),
            ("WEBP", ".webp"),
            ("TIFF", ".tif"),
            ("AVIF", ".avif"),
        ):
            yield Case(f"profile-{name}{suffix}", encoded(image, form, icc_profile=profile))
        if len(profile) < 255 * 65_519:
            yield Case(f"profile-{name}.jpg", encoded(image, "JPEG", icc_profile=profile))
    words = XMP + b"<!--" + b"long " * 400_000 + b"-->"
    deep = b"<a>" * 200_000
    for name, xmp in {"long": words, "deep": deep}.items():
        for form, suffix in (("PNG", ".png"), ("WEBP", ".webp"), ("AVIF", ".avif")):
            text = (
                {"pnginfo": png_text("XML:com.adobe.xmp", xmp)} if form == "PNG" else {"xmp": xmp}
            )
            yield Case(f"xmp-{name}{suffix}", encoded(image, form, **text))
        yield Case(
            f"xmp-{name}.jpg",
            jpeg_with(encoded(image, "JPEG"), 0xE1, b"http://ns.adobe.com/xap/1.0/\0", xmp),
        )
    yield from png_chunks()
    jpeg = encoded(image, "JPEG")
    yield Case("comments.jpg", jpeg_with(jpeg, 0xFE, b"", bytes(6_000_000)))
    yield Case(
        "photoshop.jpg",
        jpeg_with(jpeg, 0xED, b"Photoshop 3.0\0", b"8BIM\x04\x04\0\0\0\0\0\1aa" * 100_000),
    )
    yield Case(
        "pictures-in-it.jpg", jpeg_with(jpeg, 0xE2, b"MPF\0", b"II*\0\x08\0\0\0" + b"\xff" * 3000)
    )
    yield Case("markers.jpg", jpeg[:2] + b"\xff" * 2_000_000 + jpeg[2:])
    yield Case("thumbnails.jpg", jpeg_with(jpeg, 0xE0, b"JFXX\0\x10", jpeg * 500))
    yield Case(
        "comments.gif",
        files["still.gif"][:-1] + (b"!\xfe\xff" + b"a" * 255 + b"\0") * 40_000 + b";",
    )


def exif_blocks() -> dict[str, bytes]:
    """EXIF that is odd, by name; its entries may stand for the same bytes again and again (TIFF
    6.0, section 2)."""

    def block(
        entries: Iterable[tuple[int, int, int, int]], more: bytes = b"", following: int = 0
    ) -> bytes:
        packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
        directory = struct.pack("<H", len(packed) // 12) + packed + struct.pack("<I", following)
        return b"Exif\0\0II*\0\x08\0\0\0" + directory + more

    many = 5_000
    long = block([(Base.ImageDescription, 2, 2_000_000, 26)], b"a" * 2_000_000)
    chain = b"".join(
        struct.pack("<HHHIII", 1, Base.ExifOffset, 4, 1, 8 + 18 * (number + 1), 0)
        for number in range(2000)
    )
    return {
        "of-itself": block([(Base.ExifOffset, 4, 1, 8), (Base.GPSInfo, 4, 1, 8)], following=8),
        "chain": b"Exif\0\0II*\0\x08\0\0\0" + chain,
        "overlapping": block([(0x1000 + number, 7, 12 * many, 8) for number in range(many)]),
        "overlapping-words": block(
            [(tag, 2, 60_000, 8) for tag in (270, 271, 272, 305, 306, 315, 316, 33432)],
            bytes(60_000),
        ),
        "far": block([(Base.ImageDescription, 2, 2**32 - 1, 2**32 - 1), (Base.Make, 5, 2**31, 8)]),
        "untyped": block(
            [
                (Base.Orientation, 65_535, 1, 6),
                (Base.Make, 0, 9, 9),
                (Base.XResolution, 5, 1, 2**31),
            ]
        ),
        "zero-rationals": block(
            [(Base.XResolution, 5, 1, 50), (Base.YResolution, 5, 1, 50)], bytes(40)
        ),
        "long": long,
        "wide": block([(tag, 3, 1, tag) for tag in range(60_000)]),
        "orientation-9": block([(Base.Orientation, 3, 1, 9)]),
        "orientation-words": block([(Base.Orientation, 2, 4, 0x41414141)]),
    }


def tiff_of(block: bytes) -> bytes:
    """A TIFF file whose directory of a picture is followed by what an EXIF block holds."""
    data = bytearray(encoded(Image.fromarray(photo(24, 32)), "TIFF"))
    start = len(data) + len(data) % 2
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    entries = [bytes(data[directory + 2 + 12 * number :][:12]) for number in range(count)]
    entries += [
        struct.pack("<HHII", Base.ExifOffset, 4, 1, start + 8)
    ]  # where the block's own would begin
    packed = b"".join(sorted(entries, key=lambda entry: struct.unpack_from("<H", entry)[0]))
    body = block[8:]
    (inner,) = struct.unpack_from("<H", body)
    moved = bytearray(body)
    for number in range(inner):  # what stands elsewhere does so in the whole file
        _, _, length, offset = struct.unpack_from("<HHII", body, 2 + 12 * number)
        if length > 4 and offset + start < 2**32:
            struct.pack_into("<I", moved, 10 + 12 * number, offset + start)
    data += bytes(start - len(data)) + bytes(8) + moved
    new = len(data)
    data += (
        struct.pack("<H", len(packed) // 12) + packed + struct.pack("<I", new)
    )  # the next one is itself
    struct.pack_into("<I", data, 4, new)
    return bytes(data)


def profiles() -> dict[str, bytes]:
    """ICC profiles that are odd, by name."""
    good = rgb_profile(ADOBE_RGB_TO_XYZ, 2.2)
    curves = good.replace(b"curv\0\0\0\0\0\0\0\1", b"curv\0\0\0\0\xff\xff\xff\xff")
    return {
        "long": good[:4] + good[4:] + bytes(17_000_000),
        "curves": curves,
        "tags": good[:128] + struct.pack(">I", 2**32 - 1) + good[132:],
        "junk": good[:128] + np.random.default_rng(0).bytes(100_000),
        "size": struct.pack(">I", 2**32 - 1) + good[4:],
    }


def jpeg_with(data: bytes, marker: int, identifier: bytes, more: bytes) -> bytes:
    """A JPEG file with `more` in as many segments of this marker as it takes."""
    room = 65_533 - len(identifier)
    parts = [identifier + more[start : start + room] for start in range(0, len(more), room)]
    segments = b"".join(struct.pack(">BBH", 0xFF, marker, len(part) + 2) + part for part in parts)
    return data[:2] + segments + data[2:]


def png_text(key: str, text: bytes) -> Any:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt(key, text.decode())
    return info


def png_chunks() -> Iterator[Case]:
    """PNG files with chunks that are many, long, or unpack to far more than they are."""
    pixels = np.asarray(photo(24, 32)).tobytes()
    rows = b"".join(b"\0" + pixels[96 * row : 96 * (row + 1)] for row in range(24))
    bomb = zlib.compress(bytes(50_000_000), 9)
    few = zlib.compress(bytes(1_000_000), 9)
    made = {
        "text-bomb": [(b"zTXt", b"Comment\0\0" + bomb)],
        "text-bombs": [(b"zTXt", b"Comment\0\0" + few)] * 300,
        "itext-bomb": [(b"iTXt", b"Comment\0\1\0\0\0" + bomb)],
        "profile-bomb": [(b"iCCP", b"icc\0\0" + bomb)],
        "text-many": [(b"tEXt", b"a\0")] * 200_000,
        "text-long": [(b"tEXt", b"Comment\0" + b"long " * 1_000_000)],
        "unknown-long": [(b"abCd", bytes(5_000_000))],
        "raw-profile": [
            (
                b"zTXt",
                b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 9\n" + b"zz" * 400_000),
            )
        ],
        "palette": [(b"PLTE", bytes(3 * 4000)), (b"tRNS", bytes(4000))],
        "no-palette": [(b"tRNS", b"")],
        "animation": [
            (b"acTL", struct.pack(">II", 2**31 - 1, 0)),
            (b"fcTL", struct.pack(">5I2HBB", 0, FAR, FAR, 0, 0, 1, 1, 0, 0)),
        ],
        "length": [(b"tEXt", b"x")],
        "gamma": [
            (b"gAMA", b"\0\0\0\0"),
            (b"pHYs", b"\xff" * 9),
            (b"cHRM", bytes(32)),
            (b"sRGB", b"\xff"),
        ],
    }
    for name, chunks in made.items():
        data = png(24, 32, rows, chunks=chunks)
        yield Case(f"chunks-{name}.png", data)
        yield Case(f"chunks-{name}-after.png", png(24, 32, rows, after=chunks))
    yield Case(
        "chunks-length-absurd.png", png(24, 32, rows)[:33] + b"\x7f\xff\xff\xfftEXt" + bytes(100)
    )
    yield Case("chunks-pixels-more.png", png(24, 32, rows + bytes(60_000_000)))


# Nothing in them


def empty(files: dict[str, bytes]) -> Iterator[Case]:
    """Files that begin well and hold no picture."""
    yield Case("none.gif", files["still.gif"][:13] + b";")
    yield Case("none-comment.gif", b"GIF89a\x10\0\x10\0\0\0\0!\xfe\3abc\0;")
    yield Case("none.tif", b"II*\0\0\0\0\0")
    yield Case("none-directory.tif", b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    yield Case("none-circle.tif", b"II*\0\x08\0\0\0\0\0\x08\0\0\0")
    yield Case("none.png", png(24, 32, None))
    yield Case("none-animated.png", png(24, 32, None, chunks=[(b"acTL", bytes(8))]))
    canvas = b"VP8X" + struct.pack("<IB3x", 10, 2) + b"\x1f\0\0\x1f\0\0"
    body = b"WEBP" + canvas + b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    yield Case("none.webp", b"RIFF" + struct.pack("<I", len(body)) + body)
    yield Case("none-at-all.webp", b"RIFF\4\0\0\0WEBP")
    yield Case("none.jpg", b"\xff\xd8\xff\xd9")
    yield Case(
        "none-scan.jpg",
        files["baseline.jpg"][: files["baseline.jpg"].index(b"\xff\xda")] + b"\xff\xd9",
    )
    yield Case("none.bmp", files["color.bmp"][:54])
    yield Case("none-runs.bmp", bmp_of_runs(60, 80, b""))
    for suffix in (".avif", ".heic"):
        if data := next((data for name, data in files.items() if name.endswith(suffix)), None):
            (size,) = struct.unpack_from(">I", data)
            yield Case(f"none{suffix}", data[:size])
            yield Case(f"none-data{suffix}", data[: data.index(b"mdat") - 4])


def thin() -> Iterator[Case]:
    """Pictures a pixel broad or high."""
    forms = {
        ".jpg": "JPEG",
        ".png": "PNG",
        ".webp": "WEBP",
        ".tif": "TIFF",
        ".avif": "AVIF",
        ".gif": "GIF",
        ".bmp": "BMP",
    }
    for height, width in SIDES:
        image = Image.fromarray(photo(height, width))
        for suffix, form in forms.items():
            yield Case(f"thin-{width}x{height}{suffix}", encoded(image, form))


# Small files of large pictures


def bombs_of_pixels() -> Iterator[Case]:
    """Files of a few kilobytes that hold as many pixels as are read into memory, and more."""
    for color, bits, size in ((2, 8, 3), (6, 8, 4), (0, 16, 2), (6, 16, 8)):
        yield Case(
            f"bomb-{color}-{bits}.png",
            png(NEAR, NEAR, None, color, bits, blank=NEAR * (1 + NEAR * size)),
        )
    yield Case(
        "bomb-indexed.png",
        png(
            NEAR,
            NEAR,
            None,
            3,
            1,
            chunks=[(b"PLTE", bytes(6)), (b"tRNS", b"\0")],
            blank=NEAR * 1251,
        ),
    )
    yield Case("bomb-more.png", png(40_000, 40_000, None, 0, 1, blank=40_000 * 5001))
    large = Image.new("L", (NEAR, NEAR))
    yield Case("bomb.jpg", encoded(large, "JPEG"))
    yield Case("bomb-progressive.jpg", encoded(large.convert("CMYK"), "JPEG", progressive=True))
    yield Case("bomb.gif", encoded(large, "GIF"))
    yield Case("bomb.tif", encoded(large.convert("RGB"), "TIFF", compression="tiff_adobe_deflate"))
    yield Case(
        "bomb.webp", encoded(Image.new("RGBA", (16_383, 6_000)), "WEBP", lossless=True, method=0)
    )
    yield Case("bomb.avif", encoded(large, "AVIF", speed=10))
    yield Case("bomb.bmp", bmp_of_runs(NEAR, NEAR, (b"\xff\0" * 40 + b"\0\0") * NEAR + b"\0\1"))
    yield Case("bomb-lines.bmp", bmp_of_runs(NEAR, NEAR, b"\1\0\0\0" * NEAR + b"\0\1"))
    yield Case("bomb-steps.bmp", bmp_of_runs(NEAR, NEAR, b"\0\2\0\xff" * 39 + b"\0\1"))
    tile = tiff_changed(
        encoded(Image.new("L", (64, 64)), "TIFF", compression="tiff_adobe_deflate"), {278: MOST}
    )
    yield Case("bomb-strip.tif", tile)


# Files from numbers


def png(
    height: int,
    width: int,
    rows: bytes | None,
    color: int = 2,
    bits: int = 8,
    interlace: int = 0,
    chunks: Iterable[tuple[bytes, bytes]] = (),
    after: Iterable[tuple[bytes, bytes]] = (),
    blank: int = 0,
) -> bytes:
    """A PNG (ISO 15948) of rows, each with its filter, or of `blank` zeros; with more chunks before
    and after its pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    pixels = zlib.compress(rows) if rows is not None else zeros(blank)
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace)
    held = [(b"IDAT", pixels)] if rows is not None or blank else []
    parts = [(b"IHDR", header), *chunks, *held, *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def zeros(count: int) -> bytes:
    """So many zeros, compressed (RFC 1950): a piece of them again and again."""
    packer, piece = zlib.compressobj(9, zlib.DEFLATED, -15), 1 << 20
    once = packer.compress(bytes(piece)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, zlib.DEFLATED, -15)
    last = rest.compress(bytes(count % piece)) + rest.flush()
    return (
        b"\x78\xda" + once * (count // piece) + last + struct.pack(">HH", count % 65_521, 1)
    )  # Adler-32 of zeros


def interlaced(rgb: UInt8) -> bytes:
    """Rows of a picture in the seven passes of Adam7."""
    passes = (
        (0, 8, 0, 8),
        (0, 8, 4, 8),
        (4, 8, 0, 4),
        (0, 4, 2, 4),
        (2, 4, 0, 2),
        (0, 2, 1, 2),
        (1, 2, 0, 1),
    )
    return b"".join(
        b"\0" + row.tobytes()
        for top, down, left, across in passes
        for row in rgb[top::down, left::across]
    )


def bmp_of_runs(height: int, width: int, runs: bytes) -> bytes:
    """A BMP of 256 grays, with its pixels as runs (BI_RLE8)."""
    palette = b"".join(bytes([level, level, level, 0]) for level in range(256))
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + header + palette + runs
