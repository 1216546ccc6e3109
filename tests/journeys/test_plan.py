"""``tieout plan``: lint and tune over a sealed run, as a person sees them."""

import pytest

NAMES = """plan: receivables
left: payment
right: open_item
passes:
  - pass: by-name
    find: candidates
    weights: fellegi_sunter
    block: [currency, payment.amount = open_item.open_amount]
    compare:
      - {payment: counterparty_name, open_item: party_name, method: name, levels: [{at: 0.9}, {at: 0}]}
    accept_at: 0.9
    review_at: 0.5
  - pass: everything
    find: candidates
    block: [currency]
    compare: [{payment: currency, open_item: currency, method: equal}]
    accept_at: 1.01
    review_at: 1
"""


@pytest.fixture
def ran(place):
    assert place.run().status == 0
    place.write("mine.yaml", NAMES)
    return place


def test_lint_counts_the_pairs_of_a_block_before_it_is_run(ran):
    done = ran.tieout("plan", "lint", "mine.yaml", "--pairs", "5")
    assert done.status == 1, done.text
    assert "mine.yaml:5:11  pass 'by-name' can never find anything: its prior, m and u are not written yet" in done.out
    assert "mine.yaml:13:11  pass 'everything' makes 6 pairs on this run, more than 5; add a condition" in done.out
    assert ran.tieout("plan", "lint").status == 0


def test_tune_says_what_labels_show_and_prints_lines_that_the_plan_takes(ran):
    ran.write("labels.csv", "payment_id,open_item_id\nBANK0001,1900000001\n")
    done = ran.tieout("plan", "tune", "mine.yaml", "--labels", "labels.csv", "--plot", "tune.png")
    assert done.status == 0, done.text
    assert "too few labels: of 1 pairs 0 are wrong" in done.out and "2,995 right ones" in done.out
    assert (ran.folder / "tune.png").read_bytes().startswith(b"\x89PNG")
    lines = done.out.partition("pass by-name")[2].partition("\npass ")[0].splitlines()
    written = [line[4:].partition("#")[0].rstrip() for line in lines if line.startswith("    ")]
    prior = next(line for line in written if line.startswith("prior: "))
    compare = "\n".join(f"    {line}" for line in written[written.index("compare:") :])
    start = NAMES.index("    compare:")
    ran.write("tuned.yaml", NAMES[:start] + f"    {prior}\n{compare}\n" + NAMES[NAMES.index("    accept_at") :])
    told = ran.tieout("plan", "lint", "tuned.yaml", "--pairs", "5").out
    assert "by-name" in told and "can never" not in told


def test_tune_takes_decisions_as_labels_and_says_where_there_are_none(ran):
    done = ran.tieout("plan", "tune")
    assert done.status == 0, done.text
    assert "0 payments are labelled" in done.out and "Without labels nothing can be said" in done.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("lint", "nothing"), "nothing: no match plan; give a plan's file or one of receivables"),
        (("tune", "--labels", "absent.csv"), "absent.csv: no labels can be read"),
        (("tune", "platform"), "only plans that settle payments are tuned"),
        (("tune", "--run", "x"), "x: no sealed run of that name or folder"),
    ],
)
def test_what_cannot_be_looked_at_is_said_in_one_line(ran, arguments, told):
    done = ran.tieout("plan", *arguments)
    assert done.status in {1, 2} and told in done.err and "Traceback" not in done.text
