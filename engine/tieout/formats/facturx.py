"""A PDF that carries its invoice (Factur-X, ZUGFeRD): a plain page for people, the XML attached for machines.

The only door to reportlab, which draws the page, and factur-x, which attaches; both come with the extra ``facturx``. What
is read back is the attachment (``pdf``); the page is a picture of it and is never read.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tieout.formats import xml
from tieout.model.errors import FormatError, Location, TieoutError

__all__ = ["NAMES", "Part", "Sheet", "carry", "draw"]

NAMES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml")
"""The names under which readers look for the invoice."""
_GUIDELINE = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}GuidelineSpecifiedDocumentContextParameter"
_LEVELS = {
    "urn:factur-x.eu:1p0:minimum": "minimum",
    "urn:factur-x.eu:1p0:basicwl": "basicwl",
    "urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic": "basic",
    "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended": "extended",
}
_ASIAN = "STSong-Light"


@dataclass(frozen=True, slots=True)
class Part:
    """A table on the page."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    """Columns that stand to the right."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a person reads: a title, labelled values, tables."""

    title: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    language: str = "en"


def draw(sheet: Sheet) -> bytes:
    """The sheet as PDF, A4, its fonts embedded and its colours defined, as PDF/A wants; the same bytes for the same sheet.

    Chinese, Japanese and Korean text is drawn with the reader's own font, which PDF/A does not want.
    Raises TieoutError where reportlab is not installed.
    """
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.platypus import SimpleDocTemplate
    except ImportError as exc:
        raise _missing() from exc
    stream = io.BytesIO()
    plain = SimpleDocTemplate(
        stream, pagesize=A4, title=sheet.title, lang=sheet.language, invariant=1, margin=50, pageCompression=1
    )
    plain.build(_story(sheet, plain.width))
    return _coloured(stream.getvalue())


def carry(content: bytes, page: bytes, *, title: str, author: str, language: str = "en") -> bytes:
    """The page as PDF/A-3 with the invoice attached as factur-x.xml, in the profile that its guideline (BT-24) names.

    content: a CII D16B document. Raises FormatError where it is none, TieoutError where factur-x is not installed.
    """
    try:
        import facturx
    except ImportError as exc:
        raise _missing() from exc
    root = xml.parse(content, title)
    if xml.local_name(root) != "CrossIndustryInvoice":
        raise FormatError("only a CII document can stand in a Factur-X PDF", at=Location(title))
    logging.getLogger("factur-x").setLevel(logging.ERROR)
    named = next((child.text or "" for parent in root.iter(_GUIDELINE) for child in parent), "").strip()
    made = facturx.generate_from_binary(
        page,
        content,
        flavor="factur-x",
        level=_LEVELS.get(named, "en16931"),
        check_xsd=False,
        pdf_metadata={"author": author, "title": title, "subject": title, "keywords": "Factur-X, ZUGFeRD"},
        lang=language,
        afrelationship="alternative",
    )
    return bytes(made)


def _missing() -> TieoutError:
    return TieoutError('a PDF with the invoice inside needs the extra: pip install "tieout[facturx]"')


# --- the page ---


def _story(sheet: Sheet, width: float) -> list[Any]:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, Spacer, Table

    font = _font()
    small = ParagraphStyle("small", fontName=font, fontSize=8.5, leading=11)
    right = ParagraphStyle("right", parent=small, alignment=2)
    large = ParagraphStyle("large", parent=small, fontSize=15, leading=20)
    middle = ParagraphStyle("middle", parent=small, fontSize=10.5, leading=15)

    def cell(text: str, style: Any = small) -> Any:
        return Paragraph(_marked(text, font), style)

    story: list[Any] = [cell(sheet.title, large), Spacer(1, 8)]
    if sheet.facts:
        facts = [[cell(name), cell(value)] for name, value in sheet.facts]
        story += [Table(facts, colWidths=[width * 0.32, width * 0.68], style=_lines(plain=True)), Spacer(1, 8)]
    for part in sheet.parts:
        styles = [right if n in part.numbers else small for n in range(len(part.columns))]
        cells = [
            [cell(text, style) for text, style in zip(row, styles, strict=True)] for row in (part.columns, *part.rows)
        ]
        shares = [1.4 if n in part.numbers else 2.2 for n in range(len(part.columns))]
        widths = [width * share / sum(shares) for share in shares]
        story += [cell(part.heading, middle)] if part.heading else []
        story += [Table(cells, colWidths=widths, repeatRows=1, style=_lines()), Spacer(1, 8)]
    return story


def _lines(*, plain: bool = False) -> list[tuple[Any, ...]]:
    style: list[tuple[Any, ...]] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
    ]
    return style if plain else [*style, ("LINEBELOW", (0, 0), (-1, 0), 0.6, (0, 0, 0))]


def _font() -> str:
    """The name of an embedded font: DejaVu Sans (Latin, Greek, Cyrillic) where matplotlib brings it, else Vera (Latin)."""
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.ttfonts import TTFont

    name = "tieout-page"
    if name not in pdfmetrics.getRegisteredFontNames():
        plots = importlib.util.find_spec("matplotlib")
        wide = Path(str(plots.origin)).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf" if plots else None
        vera = Path(reportlab.__file__).parent / "fonts/Vera.ttf"
        pdfmetrics.registerFont(TTFont(name, str(wide if wide and wide.is_file() else vera)))
        pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
        pdfmetrics.registerFont(UnicodeCIDFont(_ASIAN))
    return name


def _marked(text: str, font: str) -> str:
    """The text as reportlab's markup: characters that the font does not have are drawn with the reader's Asian font."""
    from reportlab.pdfbase import pdfmetrics

    has = pdfmetrics.getFont(font).face.charToGlyph
    pieces: list[tuple[bool, str]] = []
    for character in " ".join(text.split()):
        asian = ord(character) not in has and ord(character) > 0x2E00
        if pieces and pieces[-1][0] == asian:
            pieces[-1] = (asian, pieces[-1][1] + character)
        else:
            pieces.append((asian, character))
    return "".join(
        f'<font name="{_ASIAN}">{escape(piece)}</font>' if asian else escape(piece) for asian, piece in pieces
    )


def _coloured(page: bytes) -> bytes:
    """The PDF with sRGB as what its colours mean: without it, PDF/A knows no colours."""
    from PIL import ImageCms
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject, StreamObject, TextStringObject

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(page)))
    profile = StreamObject()
    colours = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # The bytes 24 to 35 of a profile are the moment it was made.
    profile.set_data(colours[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + colours[36:])
    profile[NameObject("/N")] = NumberObject(3)
    intent = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/OutputIntent"),
            NameObject("/S"): NameObject("/GTS_PDFA1"),
            NameObject("/OutputConditionIdentifier"): TextStringObject("sRGB"),
            NameObject("/DestOutputProfile"): writer._add_object(profile),
        }
    )
    writer.root_object[NameObject("/OutputIntents")] = ArrayObject([intent])
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()
