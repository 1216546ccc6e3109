"""Documents read as text, by what was learnt of their markup, are read as a walk over their trees would read them."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mapping.test_inventory import LENS, trees
from tieout.formats.xml import parse
from tieout.intake import read_documents
from tieout.library.catalog import Catalogue
from tieout.mapping import plain
from tieout.mapping.lens import Collector
from tieout.mapping.skeleton import opened
from tieout.model.errors import FormatError
from tieout.model.records import Document

OPEN = '<Doc xmlns="urn:a" xmlns:x="urn:x" xmlns:y="urn:y">'


def documents(bodies):
    return [f"{OPEN}\n{body}</Doc>" for body in bodies]


def walked(texts):
    collector = Collector()
    for n, text in enumerate(texts):
        collector.add(LENS, parse(text.encode(), "a"), str(n))
    return collector


def learnt(texts, known=None):
    """known: gets for each document whether it was read without being parsed."""
    collector = Collector()
    for n, text in enumerate(texts):
        found = opened(text.encode())
        told = found is not None and collector.add_known(LENS, *found, str(n))
        if known is not None:
            known.append(told)
        if not told:
            collector.add(LENS, parse(text.encode(), "a"), str(n), content=text.encode())
    return collector


def frames(collector):
    made = collector.frames()
    beside = ("element_shape", "element_place", "as_written")
    return {name: made[name].sort(pl.all()) if name in beside else made[name] for name in made}


def same(texts, known=None):
    one, other = learnt(texts, known), walked(texts)
    mine, theirs = frames(one), frames(other)
    assert mine.keys() == theirs.keys()
    for name, frame in mine.items():
        assert frame.equals(theirs[name]), name
    assert one.findings == other.findings


@settings(max_examples=60)
@given(st.lists(trees, max_size=4), st.integers(1, 3))
def test_documents_made_alike_are_read_as_each_alone_would_be(bodies, times):
    same(documents(["\n".join(bodies), *["".join(bodies)] * times, "\n".join(bodies)]))


PARTY = "<Party><Kind>{}</Kind><Name>{}</Name></Party>"
LINE = "<Line><Net>{}</Net><Quantity>{}</Quantity><Charge><Amount>{}</Amount></Charge></Line>"


def test_a_predicate_is_decided_for_each_part_by_its_own_text():
    texts = documents([PARTY.format(kind, kind * 2) for kind in "SBSSB"])
    known = []
    same(texts, known)
    assert learnt(texts).frames()["invoice"]["seller_name"].to_list() == ["SS", None, "SS", "SS", None]
    assert known == [False, False, True, True, True]


def test_texts_that_do_not_fit_are_found_in_parts_too():
    bodies = [LINE.format("1.00", "1", "2") + LINE.format("x", " 1.0", "+1"), LINE.format("", "1e2", "2.123456789")]
    known = []
    same(documents(bodies * 2), known)
    assert known[2:] == [True, True]


def test_an_element_that_is_empty_at_times_is_a_part_at_others():
    known = []
    bodies = [
        PARTY.format("S", "a") + LINE.format(1, 2, 3),
        "<Party/>" + LINE.format(1, 2, 3),
        "<Party></Party><Line/>",
    ]
    same(documents([*bodies, "<Party> </Party><Line no='1'/>"] * 2), known)
    assert known[4:7] == [True, True, True]


@pytest.mark.parametrize("many", [1, 2, 7])
def test_the_number_of_lines_needs_no_parsing_again(many):
    known = []
    same(documents(["".join(LINE.format(n, n, n) + "\n" for n in range(lines)) for lines in (3, 2, many)]), known)
    assert known[1:] == [True, True]


def test_the_first_of_several_texts_counts_also_where_it_does_not_fit():
    same(documents([f"<Paid>{a}</Paid><Date/><Paid>{b}</Paid><Paid>x</Paid>" for a, b in ("1y", "11", "x2", "xx")]))


@pytest.mark.parametrize(
    "body",
    [
        "<ID>a &amp; b &#xE9;&#65;</ID>" + LINE.format("1", "2", "&#51;"),
        "<ID>one\ntwo</ID>\n" + PARTY.format("S", "Long\n\nname") + "\n" + LINE.format("x", "y\n", "z") * 2,
        "<ID>a &gt;&#10;b</ID>" + LINE.format("x", "1", "1"),
        "<!-- one\n two --><ID>1</ID>\n <!-- a --><!-- b\n -->\n" + LINE.format("x", "1", "1") + "<!-- last -->",
        "<ID>a<!-- \n -->b</ID><Date><!-- none --></Date>" + LINE.format("<!-- \n -->", "1", "x"),
        "<ID><![CDATA[<Line>]]></ID>" + LINE.format("1", "1", "x"),
        '<ID k="a>b">c</ID><Line k="x>y"><Net>x</Net></Line>',
        "<ID>1</ID><?go on?>" + LINE.format("x", "1", "1"),
        "<?go on?><ID>1</ID><!-- a -->\n<?go\non ??>" + LINE.format("x", "1", "1"),
        "<ID>1</ID>tail" + LINE.format("x", "1", "1"),
        "<Line/>" + LINE.format("x", "1", "1") + "<Line/>",
        "<Line><Net>1</Net><x:Deep><Line><Net>x</Net></Line></x:Deep></Line><x:Deep><Line><Net>y</Net></Line></x:Deep>",
        "<Line\n  no='1'\n><Net>x</Net></Line\n><Line><Net>y</Net></Line>",
        "\u00a0<ID>\u00a07</ID>" + LINE.format("1", "\u2003", "1"),
    ],
)
def test_what_is_not_plain_is_read_all_the_same(body):
    same([text.replace("\n", end) for end in ("\n", "\r\n") for text in documents([body, body, body])])


@pytest.mark.parametrize(
    "body",
    [
        "<ID>a &amp; b</ID>" + LINE.format("1", "2", "&#51;"),
        "<ID>one\n\ntwo</ID>\n" + PARTY.format("S", "Long\n\nname") + "\n" + LINE.format("x", "y\n", "z") * 2 + "<Date>\n1</Date>",
        "<!-- a\n -->" + PARTY.format("S", "a") + "<!-- b -->\n<Date>1</Date><!-- c -->" + LINE.format("1", "1", "1") + "<?d?>",
        LINE.format("1", "1", "1").replace("</Net>", "</Net>\n<!-- e > f -->\n").replace("</Charge>", "<x:E/><!-- g --></Charge>"),
    ],
)  # fmt: skip
def test_several_lines_and_references_and_comments_between_elements_need_no_parsing_again(body):
    known = []
    texts = documents([body] * 4 + [body.replace("one", "another\n one"), body.replace("y\n", "y")])
    same([*texts, *(f"<!-- begun\n -->\n{text}\n<!-- done -->" for text in texts)], known)
    assert known[2:6] == [True] * 4
    assert known[8:] == [True] * 4


@pytest.mark.parametrize(
    "body",
    [
        "<ID>1<!-- a --></ID><ID>2 > <!-- \n --></ID><ID>/><!-- \n --></ID>",
        LINE.format("1<!-- \n -->", "<!-- a -->1", "1") + "<x:E><!-- \n --></x:E>",
        '<x:E k="/>"><!-- \n --></x:E><Date>1</Date>',
    ],
)
def test_comments_within_a_text_are_left_to_the_parser(body):
    same(documents([body, body.replace("\n", " "), body, body.replace("\n", "\n\n")]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "<Line><Line><ID> </ID><Line></Line></Line></Line>",
            "<Line><Line><ID> </ID><Line></Line><ID></ID></Line></Line>",
        ),
        ("<Line><ID>t</ID><Line>t</Line></Line>", "<Line><ID>t</ID><Line>t</Line><ID></ID></Line>"),
        ("<Line>t<ID/><Line k='1'>t</Line></Line>", "<Line>t<ID/><Line k='1'>t</Line><ID></ID></Line>"),
    ],
)
def test_a_part_that_holds_one_of_its_name_is_told_from_its_end(one, other):
    same(documents([one + "\n" + other, one + other, one + other]))
    whole = documents([one])[0]
    for learned in ([whole] * 2, [whole, documents([LINE.format("1", "1", "1")])[0]] * 2):
        collector = learnt(learned)
        broken = whole.replace(one, LINE.format("1", "1", "1") + "</Line></Line>")
        assert not collector.add_known(LENS, *opened(broken.encode()), "x")


def test_documents_that_begin_otherwise_are_told_apart():
    other = '<a:Doc xmlns:a="urn:a" xmlns:x="urn:y"><a:ID>1</a:ID><x:N><x:M>1</x:M></x:N></a:Doc>'
    one = '<a:Doc xmlns:a="urn:a" xmlns:x="urn:x"><a:ID>1</a:ID><x:N><x:M>1</x:M></x:N></a:Doc>'
    same([one, other, '<?xml version="1.0" encoding="UTF-8"?>\n' + one, other, "\ufeff" + one] * 2)


LEARNT = documents([LINE.format("1", "2", "3") + PARTY.format("S", "a")])[0]


@pytest.mark.parametrize(
    "broken",
    [
        LEARNT[:-6],
        LEARNT + "<x/>",
        LEARNT + "x",
        LEARNT.replace(">1<", ">1\x02<"),
        LEARNT.replace(">1<", ">1]]><"),
        LEARNT.replace(">1<", ">1 & 2<"),
        LEARNT.replace(">1<", ">&nbsp;<"),
        LEARNT.replace(">1<", ">&#0;<"),
        LEARNT.replace(">1<", ">&#xFFFE;<"),
        LEARNT.replace(">1<", ">\ufffe<"),
        LEARNT.replace(">1<", "><"),
        LEARNT.replace("</Line>", "</Line></Line>"),
        LEARNT.replace("<Party>", "<!-- -- --><Party>"),
        LEARNT.replace("<Party>", "<!-- \x03 --><Party>"),
        LEARNT.replace("<Party>", "<?xml go?><Party>"),
        LEARNT.replace("<Party>", "<?XmL?><Party>"),
        LEARNT.replace("<Party>", "<?a:b go?><Party>"),
        LEARNT.replace("<Party>", "<? go?><Party>"),
        LEARNT.replace("<Party>", "<?go \x04?><Party>"),
        "<?xml version='1.0'?><?xml version='1.0'?>" + LEARNT,
        "<!DOCTYPE Doc>" + LEARNT,
        LEARNT.replace("<Line>", "\x01<Line>"),
        LEARNT.replace("<Line>", "<\0Line>"),
    ],
)
def test_what_is_not_well_formed_is_never_read_as_known(broken):
    collector = learnt([LEARNT])
    found = opened(broken.encode())
    if found is not None and collector.add_known(LENS, *found, "x"):
        parse(broken.encode(), "x")


@settings(max_examples=150)
@given(st.text(st.one_of(st.sampled_from("<>&;#x]1 \n\t\r\0\x01\"'-!?/L"), st.characters()), max_size=8))
def test_any_text_in_known_markup_is_read_as_the_parser_reads_it(text):
    content = LEARNT.replace(">a<", f">{text}<")
    try:
        raw = content.encode()
    except UnicodeEncodeError:
        return
    collector = learnt([LEARNT])
    found = opened(raw)
    if found is not None and collector.add_known(LENS, *found, "1"):
        expected = walked([LEARNT])
        expected.add(LENS, parse(raw, "a"), "1")
        mine, theirs = frames(collector), frames(expected)
        assert all(mine[name].equals(theirs[name]) for name in theirs)
    else:
        try:
            same([LEARNT, content])
        except FormatError:
            return


def test_one_text_may_be_several_columns_in_every_line_of_documents_made_alike():
    line = (
        "<ram:IncludedSupplyChainTradeLineItem><ram:SpecifiedLineTradeSettlement><ram:ApplicableTradeTax>"
        "<ram:TypeCode>{}</ram:TypeCode></ram:ApplicableTradeTax></ram:SpecifiedLineTradeSettlement></ram:IncludedSupplyChainTradeLineItem>"
    )
    space = "urn:un:unece:uncefact:data:standard:"
    text = (
        f'<rsm:CrossIndustryInvoice xmlns:rsm="{space}CrossIndustryInvoice:100" '
        f'xmlns:ram="{space}ReusableAggregateBusinessInformationEntity:100"><rsm:SupplyChainTradeTransaction>'
        f"{line}{line}</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"
    )
    mappings = list(Catalogue.load(None).mappings.values())
    read = [Document(str(n), text.format("VAT", "GST").encode()) for n in range(4)]
    rows = read_documents(read, mappings).frames["invoice_line"]
    assert rows["tax_scheme"].to_list() == ["VAT", "GST"] * 4
    assert rows["is_vat"].to_list() == [True, False] * 4


def test_markup_that_is_never_seen_twice_is_no_longer_learnt(monkeypatch):
    monkeypatch.setattr(plain, "_TRIED", 2)
    same(documents([f"<Party><Kind>S</Kind><x:N{n}><x:M/></x:N{n}></Party>" for n in range(9)]))


def test_what_is_known_may_be_forgotten(monkeypatch):
    monkeypatch.setattr(plain, "_KNOWN", 2)
    monkeypatch.setattr(plain, "_NAMES", 3)
    same(documents([f"<Party><x:N{n}><x:M/></x:N{n}></Party><x:P{n}><x:M/></x:P{n}>" for n in range(9)] * 2))
