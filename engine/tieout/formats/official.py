"""Validation stylesheets that the user has (Schematron made into XSLT), run as a second opinion. The only door to saxonche."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieout.formats import xml
from tieout.model.errors import FormatError, Location, SourceError, TieoutError
from tieout.model.records import Document

__all__ = ["Stylesheets", "Verdict"]

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
# Where a stylesheet made from Schematron says which rule spoke.
_ID = re.compile(
    r"""<xsl:attribute name=["']id["']>\s*([^<\s]+)\s*</xsl:attribute>|<svrl:[a-z-]+[^>]*?\sid=["']([^"'{]+)["']"""
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule that a stylesheet says a document breaks."""

    rule: str
    severity: str
    place: str
    """The XPath of the place, as the stylesheet tells it."""
    text: str


class Stylesheets:
    """Compiled stylesheets; each document is judged by all of them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises TieoutError where saxonche is not installed, SourceError where a stylesheet cannot be used."""
        try:
            from saxonche import PySaxonApiError, PySaxonProcessor
        except ImportError as exc:
            raise TieoutError("--official needs saxonche: pip install 'tieout[official]'") from exc
        self._refused: type[Exception] = PySaxonApiError
        self._processor: Any = PySaxonProcessor(license=False)
        # Stylesheets may include their neighbours; nothing is fetched from anywhere else.
        self._processor.set_configuration_property("http://saxon.sf.net/feature/allowedProtocols", "file")
        self.rules: set[str] = set()
        """Every rule id that the stylesheets can report."""
        self._compiled = [self._compile(path) for path in paths]

    def _compile(self, path: Path) -> Any:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise SourceError(f"the stylesheet cannot be read: {exc}", at=Location(str(path))) from exc
        self.rules |= {one or other for one, other in _ID.findall(text)}
        try:
            return self._processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(path.resolve()))
        except self._refused as exc:
            raise SourceError(f"no stylesheet that can be compiled: {_line(exc)}", at=Location(str(path))) from exc

    def judge(self, document: Document) -> list[Verdict]:
        """What the stylesheets say of the document. Raises FormatError where it is no XML, or one of them breaks off."""
        xml.parse(document.content, document.uri)
        found: list[Verdict] = []
        try:
            node = self._processor.parse_xml(xml_text=document.content.decode(_encoding(document.content)))
            for each in self._compiled:
                report = each.transform_to_string(xdm_node=node)
                found += _verdicts(report, document.uri)
        except (self._refused, UnicodeDecodeError) as exc:
            raise FormatError(f"the official stylesheet breaks off: {_line(exc)}", at=Location(document.uri)) from exc
        return found


def _verdicts(report: str, uri: str) -> list[Verdict]:
    root = xml.parse(report.encode(), f"{uri} (report)")
    return [
        Verdict(
            each.get("id") or "",
            each.get("flag") or each.get("role") or "fatal",
            each.get("location") or "",
            " ".join("".join(map(str, each.itertext())).split()),
        )
        for each in root.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report")
    ]


def _encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    declared = re.match(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding=["']([A-Za-z0-9._-]+)""", content)
    return "utf-8-sig" if declared is None or declared[1].lower() == b"utf-8" else declared[1].decode()


def _line(exc: Exception) -> str:
    return " ".join(str(exc).split())[:200]
