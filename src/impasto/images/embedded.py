"""Settings inside picture files: an XMP packet, and in PNG a text chunk too.

The page of the server writes and reads the same (`server/static/js/studio/metadata.js`).
"""

import html
import re
from pathlib import Path

from PIL.PngImagePlugin import PngInfo

from impasto.images.opening import open_path

PNG_KEYWORD = "impasto"
XMP_TAG = 700  # of TIFF (XMP specification, part 3)
MAX_XMP_BYTES = 65_502  # of one JPEG segment, less the packet's header
MAX_TEXT = 1 << 20  # characters that are read; a mix of 16 styles with 8 regions takes 10,000

_XMP_KEYWORD = "XML:com.adobe.xmp"
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' xmlns:impasto="urn:impasto:settings:1" xmp:CreatorTool="impasto" impasto:settings="{}"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
# an attribute, as impasto writes it, or an element, as other programs rewrite it
_SETTINGS = re.compile(
    r"""impasto:settings=(?:"([^"]*)"|'([^']*)')|<impasto:settings>([^<]*)</impasto:settings>"""
)


def xmp_packet(text: str) -> bytes:
    """Pack text into an XMP packet."""
    escaped = re.sub("[&<>\"']", lambda match: f"&#{ord(match[0])};", text)
    return _PACKET.format(escaped).encode()


def png_chunks(text: str) -> PngInfo:
    """Pack text into the chunks of a PNG file."""
    chunks = PngInfo()
    chunks.add_itxt(PNG_KEYWORD, text)
    chunks.add_itxt(_XMP_KEYWORD, xmp_packet(text).decode())
    return chunks


def read_text(path: Path) -> str | None:
    """Read the text of `xmp_packet` or `png_chunks` in a picture file; None if there is none.

    Raises:
        PictureError: the file is missing, unreadable, no picture, or broken.
    """
    with open_path(path) as image:
        text, packet = image.info.get(PNG_KEYWORD), image.info.get("xmp")
    if isinstance(text, str):
        return text[:MAX_TEXT]
    if not isinstance(packet, bytes):
        return None
    match = _SETTINGS.search(packet[: 8 * MAX_TEXT].decode("utf-8", "replace"))
    return html.unescape(next(filter(None, match.groups()), ""))[:MAX_TEXT] if match else None
