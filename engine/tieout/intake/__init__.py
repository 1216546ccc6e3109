"""Intake: sources become canonical tables, and what does not fit becomes a finding. Called by ``run`` and ``validate``.

take        the conductor: sources in order, appending to the store, the checks that need all rows
reading     one document after the other: rows and findings
detect      which mapping reads a document, and what to say where none does
batch       what was read, as frames
statements  bank statements: running balances, sums, chains
payments    one payment, one id; decimals
findings    IN- findings as rows
lines       the line of what a finding names, where its file is still there
"""

from tieout.intake.batch import Batch
from tieout.intake.lines import closer_lines
from tieout.intake.reading import read_documents, unpacked
from tieout.intake.take import take_in
from tieout.model.ports import Input

__all__ = ["Batch", "Input", "closer_lines", "read_documents", "take_in", "unpacked"]
