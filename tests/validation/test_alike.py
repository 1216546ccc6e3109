"""Documents built alike are judged together as each would be alone."""

import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.validation.test_inventory import UBL, pack
from tieout.formats import xml
from tieout.library.catalog import Catalogue
from tieout.mapping.lens import Collector, Lens
from tieout.store.engine import Store
from tieout.validation.check import check

LENS = Lens.of(Catalogue.load(None).mappings["ubl.invoice"])
RULES = """
  - {kind: absent, severity: warning, title: {en: t, zh: 标}, message: {en: "{found} {count}", zh: "{found}"},
     rows: {X-1: cbc:UUID, X-2: "//@listID"}}
  - {kind: occurs, severity: fatal, under: cac:Line, at_most: 1, title: {en: t, zh: 标}, message: {en: m, zh: 消},
     rows: {X-3: cac:Item/cbc:Note}}
  - {kind: occurs, severity: fatal, under: cac:Line, at_least: 1, title: {en: t, zh: 标}, message: {en: m, zh: 消},
     rows: {X-4: cbc:ID}}
  - {kind: occurs, severity: fatal, at_least: 1, title: {en: t, zh: 标}, message: {en: m, zh: 消},
     when: invoice_type_code = '380', rows: {X-5: cac:Line}}
rules:
  - {id: X-6, table: element, severity: fatal, title: {en: t, zh: 标}, message: {en: "{path} {text}", zh: "{path}"},
     terms: [BT-1], when: "name = '@listID' and invoice.invoice_type_code = '380'", check: "text <> 'x'",
     tests: [{given: {element: [{name: a}]}, expect: skip}]}
"""
PACK = pack(RULES)
LINES = [
    "",
    "<cac:Line><cbc:ID>1</cbc:ID></cac:Line>",
    "<cac:Line><cbc:ID>1</cbc:ID><cac:Item><cbc:Note>a</cbc:Note><cbc:Note>b</cbc:Note></cac:Item></cac:Line>",
    "<cac:Line><cbc:Name>1</cbc:Name></cac:Line>\n<cac:Line/>",
    '<cbc:UUID listID="x">1</cbc:UUID>',
    '<cbc:Note currencyID="x" listID="y">1</cbc:Note>',
]
documents = st.lists(
    st.tuples(st.sampled_from(["380", "381"]), st.lists(st.sampled_from(LINES), max_size=3), st.integers(1, 3)),
    min_size=1,
    max_size=5,
)


def judged(bodies: list[tuple[str, str]], only: list[str] | None = None) -> pl.DataFrame:
    collector = Collector()
    for name, body in bodies:
        text = (
            f'<Invoice xmlns="{UBL}:Invoice-2" xmlns:cac="{UBL}:CommonAggregateComponents-2" '
            f'xmlns:cbc="{UBL}:CommonBasicComponents-2">{body}</Invoice>'
        )
        collector.add(LENS, xml.parse(text.encode(), name), name)
    with Store.create() as store:
        for table, frame in collector.frames().items():
            store.append(table, frame)
        check(store, [PACK], as_of=dt.date(2026, 10, 31), everywhere=True, documents=only)
        return store.table("finding").drop("finding_no").sort("object_id", pl.all())


@settings(max_examples=25, deadline=None)
@given(documents)
def test_documents_judged_together_break_what_each_breaks_alone(kinds):
    bodies = [
        (f"{n}-{times}", f"<cbc:InvoiceTypeCode>{code}</cbc:InvoiceTypeCode>{'<!-- -->' * times}" + "\n".join(lines))
        for n, (code, lines, most) in enumerate(kinds)
        for times in range(most * 2)
    ]
    together = judged(bodies)
    alone = pl.concat([judged([each]) for each in bodies]).sort("object_id", pl.all())
    assert together.equals(alone)
    some = [name for name, _ in bodies[::2]]
    assert judged(bodies, some).equals(alone.filter(pl.col("object_id").is_in(some)))
