"""The test platform's verdict: our own rules, on what it received since it last looked."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from tieout.examine import findings

__all__ = ["by_rules"]

MOST_WORDS = 5


def by_rules(documents: Mapping[str, bytes]) -> dict[str, str]:
    """For each document that breaks a fatal rule of its own profile: the first rules it breaks, in words.

    What is no XML (an issue request in JSON) was judged when it came.
    """
    wrong: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        xml = {key: content for key, content in documents.items() if content.lstrip()[:1] == b"<"}
        for key, content in xml.items():
            (Path(folder) / f"{key}.xml").write_bytes(content)
        for frame in findings([Path(folder)], jobs=1) if xml else ():
            for row in frame.to_dicts():
                if row["severity"] == "fatal":
                    wrong.setdefault(Path(row["document"]).stem, []).append(f"{row['rule']}: {row['message']}")
    return {key: "; ".join(words[:MOST_WORDS]) for key, words in wrong.items()}
