"""Who acts on the command line, and which changes of the settings wait for a second person."""

import pytest

from tieout.faces.acting import os_user

GUARDED = "decisions: {second_person_for_rules: true}\n"


def settings(place):
    return (place.folder / "tieout.yaml").read_text("utf-8")


def with_settings(place, more="", **changed):
    text = settings(place)
    for before, after in changed.values():
        assert before in text
        text = text.replace(before, after)
    place.write("tieout.yaml", text + more)


def people(place):
    for name, role in (("ada", "admin"), ("mia", "clerk"), ("zoe", "approver"), ("vera", "viewer")):
        done = place.tieout("users", "add", name, "--role", role, "--no-password", "--as", "ada")
        assert done.status == 0, done.text


def a_case(place):
    return place.tieout("cases", "list", ".", "--format", "csv").out.splitlines()[1].split(",")[0]


def test_the_named_persons_role_holds_and_the_systems_user_stands_beside_it(place):
    place.run()
    people(place)
    case = a_case(place)
    refused = place.tieout("cases", "propose", case, "--reason", "x", "--as", "vera")
    assert refused.status == 2
    assert "vera is viewer; this needs the role clerk" in refused.err
    assert place.tieout("cases", "propose", case, "--reason", "likely", "--as", "mia").status == 0
    alone = place.tieout("cases", "approve", case, "--reason", "yes", "--as", "mia")
    assert alone.status == 2
    assert place.tieout("cases", "approve", case, "--reason", "yes", "--as", "zoe").status == 0
    shown = place.tieout("cases", "show", case).out
    assert f"mia (system user {os_user()})  case proposed" in shown
    assert f"zoe (system user {os_user()})  case resolved" in shown
    verified = place.tieout("verify", place.sealed()[-1])
    assert verified.status == 0
    assert f"mia proposed and zoe decided it, both as the system user {os_user()}" in verified.out


def test_the_environment_does_not_say_who_acts(place):
    place.run()
    case = a_case(place)
    place.tieout("cases", "comment", case, "hello", LOGNAME="zoe", USER="zoe")
    shown = place.tieout("cases", "show", case).out
    assert f"{os_user()}  case commented  hello" in shown
    assert "zoe" not in shown


def test_where_the_house_says_so_the_command_line_acts_for_its_own_user_only(place):
    place.run()
    with_settings(place, "sign_in: {command_line: own}\n")
    case = a_case(place)
    refused = place.tieout("cases", "comment", case, "hello", "--as", "zoe")
    assert refused.status == 2
    assert f"for the system's user only, and that is {os_user()}" in refused.err
    assert place.tieout("cases", "comment", case, "hello", "--as", os_user()).status == 0
    assert place.tieout("cases", "comment", case, "hello").status == 0
    assert place.tieout("users", "add", "eve", "--role", "admin", "--no-password", "--as", "eve").status == 2


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({"day": ("as_of: 2026-10-31", "as_of: 2026-11-30")}, ""),
        ({"where": ("path: bank/*.csv", "path: bank/**/*.csv")}, ""),
        ({}, 'schedule: {at: "06:30"}\nlimits: {memory: 1GiB}\nfail_on: never\nsign_in: {command_line: any}\n'),
        ({"words": ("validation:", "# a remark\nvalidation:")}, ""),
    ],
    ids=["another day", "another place", "when and for whom", "a remark"],
)
def test_settings_that_decide_nothing_need_no_approval(place, change, more):
    with_settings(place, GUARDED)
    assert place.run().status == 0
    with_settings(place, more, **change)
    assert place.run().status == 0, place.run().text


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({"packs": ("validation: [en16931, payments]", "validation: [payments]")}, ""),
        ({"plan": ("matching: receivables", "matching: [receivables, payables]")}, ""),
        ({"mapping": ("direction: issued, ", "")}, ""),
        ({"limits": (GUARDED, "decisions: {second_person_for_rules: true, at_most: {write_off: {EUR: 5.00}}}\n")}, ""),
        ({"the guard": (GUARDED, "")}, ""),
        ({"the guard": ("second_person_for_rules: true", "second_person_for_rules: false")}, ""),
    ],
    ids=["packs", "plan", "mapping", "limits", "the guard is gone", "the guard is off"],
)
def test_settings_that_decide_wait_for_a_second_person_and_so_does_taking_the_guard_away(place, change, more):
    with_settings(place, GUARDED)
    assert place.run().status == 0
    people(place)
    with_settings(place, more, **change)
    refused = place.run()
    assert refused.status != 0
    assert "definitions changed since the last run (tieout.yaml)" in refused.err
    digest = refused.err.partition("approve-rules ")[2].split()[0]
    assert place.tieout("journal", "approve-rules", digest, "--reason", "read it", "--as", "mia").status == 2
    assert place.tieout("journal", "approve-rules", digest, "--reason", "read it", "--as", "zoe").status == 0
    assert place.run().status == 0
    assert place.tieout("verify", place.sealed()[-1]).status == 0
