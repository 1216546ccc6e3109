"""What a document holds beside the business terms: the inventory of its elements, and values as they were written.

Rules on what must not be there, on how often something may stand and on attributes read ``element``. It is a view: documents
are made of few shapes (an element with the names of what it holds), so that ``element_place`` has one row an element that
holds others, ``element_shape`` one row a name in a shape, and only their join has a row a name in each place.
"""

from __future__ import annotations

from tieout.model.canon import table

__all__ = ["TABLES"]

_ELEMENT = """
select p.invoice_id, p.first_no + s.ordinal as row_no, s.parent_path, s.path, s.name,
       case when s.parent_ordinal is null then p.element_no else p.first_no + s.parent_ordinal end as parent_no,
       s.count, s.blank_count, s.text, i.source, p.line
from element_place p join element_shape s using (shape) left join invoice i using (invoice_id)
"""

TABLES = (
    table(
        "element",
        "One name (of elements or of an attribute) in one enclosing element of a document.",
        """
invoice_id | identifier | - | The invoice this row belongs to.
row_no | integer | - | A number for the row, unique within its document: that of the first element of the name.
parent_path | text | - | The path of the enclosing element from the document's root, without it, in the mapping's prefixes; '' for the root.
path | text | - | parent_path and the name: cac:Party/cbc:Name, or cac:Party/@schemeID for an attribute; a name without a known prefix is {namespace}name.
name | text | - | The last step of the path.
parent_no | integer | - | The number of the enclosing element within the document; 0 is the root. Rows of one place share it.
count | integer | - | How many elements of the name the enclosing element holds; 1 for an attribute.
blank_count | integer | - | How many of them hold neither an element nor a sign that is not a blank.
text | text | - | The value of an attribute that the mapping lists under inventory; null for all else.
source | text | - | The file this row was read from, as given; inside an archive: archive!member.
line | integer | - | The line on which the enclosing element starts, from 1.
""",
        key=("invoice_id", "row_no"),
        parent="invoice",
        view=_ELEMENT,
    ),
    table(
        "element_place",
        "One element of a document that holds elements or attributes, by its shape.",
        """
invoice_id | identifier | - | The invoice this row belongs to.
element_no | integer | - | The number of the element within the document; 0 is the root.
shape | integer | - | What it holds.
first_no | integer | - | The number of the first element it holds; the others follow.
line | integer | - | The line on which it starts, from 1.
""",
        key=("invoice_id", "element_no"),
    ),
    table(
        "element_shape",
        "One name in one shape: elements at the same path that hold the same names in the same order have the same shape.",
        """
shape | integer | - | The shape, by the hash of what it says.
ordinal | integer | - | The position of the name's first element among what the shape holds, from 0; attributes come last.
parent_ordinal | integer | - | For an attribute of an element that holds nothing else, the position of that element.
parent_path | text | - | The path of the element that holds the name.
path | text | - | The path of the name.
name | text | - | The last step of the path.
count | integer | - | How many elements have the name.
blank_count | integer | - | How many of them hold neither an element nor a sign that is not a blank.
text | text | - | The value of an attribute that the mapping lists under inventory.
""",
        key=("shape", "ordinal"),
    ),
    table(
        "as_written",
        "One value of a row as its document writes it, where the typed value does not say so.",
        """
invoice_id | identifier | - | The invoice this row belongs to.
table_name | text | - | The canonical table of the value.
line_row_no | integer | - | The invoice line, for tables below invoice_line; null for others.
row_no | integer | - | The row within the invoice or line; null for invoice itself.
column_name | text | - | The column of the value.
text | text | - | The text between the tags, with its blanks: no number, other digits than the value is shown with, blanks around it, or empty.
""",
        key=("invoice_id", "table_name", "line_row_no", "row_no", "column_name"),
    ),
)
