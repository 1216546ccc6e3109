"""The shipped mappings of tables, MT940 and OFX: complete, checked and readable."""

from tieout.mapping import project
from tieout.model.canon import CANON

OURS = ("table", "mt940", "ofx", "json")


def test_every_mapping_has_a_title_in_both_languages(mappings):
    assert not [each.id for each in mappings.values() if each.format in OURS and not (each.title.en and each.title.zh)]


def test_no_mapping_has_a_mistake(mappings):
    assert not [str(m) for each in mappings.values() if each.format in OURS for m in project.mistakes(each)]


def test_amounts_currencies_and_ids_are_required_wherever_they_are_read(mappings):
    for each in mappings.values():
        for table in each.tables:
            if each.format == "table" and table.table in ("payment", "open_item", "cleared_item"):
                required = {f.column for f in table.fields if f.options.get("required") or "default" in f.options}
                assert {"amount", "currency"} <= required, f"{each.id} {table.table}"


def test_open_items_fill_what_matching_and_platforms_need(mappings):
    wanted = {
        "open_item_id",
        "ledger",
        "party_id",
        "party_name",
        "due_date",
        "reference",
        "amount",
        "currency",
        "e_invoice_profile",
    }
    for name in ("erp.sap_fbl5n", "erp.cn_open_items"):
        assert wanted <= {field.column for field in mappings[name].tables[0].fields}, name


def test_no_two_tables_are_recognised_by_the_same_headings(mappings):
    tables = [each for each in mappings.values() if each.format == "table" and each.identify]
    headings = [frozenset(each.identify["columns"]) for each in tables]
    assert len(set(headings)) == len(headings)


def test_every_column_is_one_of_the_canon(mappings):
    for each in mappings.values():
        for table in each.tables:
            assert {field.column for field in table.fields} <= set(CANON[table.table].by_name)
