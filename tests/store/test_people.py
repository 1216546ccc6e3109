"""Users, roles and passwords: what is refused, and what never leaves the journal."""

import io

import pytest

from tieout.model.errors import Forbidden, NotFound, TieoutError
from tieout.store.journal import Journal
from tieout.store.people import (
    add_user,
    check_password,
    disable_user,
    enable_user,
    log_read,
    may,
    require,
    role_of,
    set_password,
    set_role,
    users,
)

WORD = "correct horse battery"


@pytest.fixture
def journal(url):
    with Journal.open(url) as journal:
        add_user(journal, "ada", "admin", actor="root")
        yield journal


def test_the_first_user_is_an_admin_and_only_admins_add_others(tmp_path):
    with Journal.open(f"sqlite:///{tmp_path / 'j.db'}") as journal:
        with pytest.raises(TieoutError, match="first user must be an admin"):
            add_user(journal, "mia", "clerk", actor="root")
        add_user(journal, "ada", "admin", actor="root")
        with pytest.raises(Forbidden, match="root is no active user"):
            add_user(journal, "mia", "clerk", actor="root")
        add_user(journal, "mia", "clerk", actor="ada")
        with pytest.raises(Forbidden, match="mia is clerk; this needs the role admin"):
            set_role(journal, "mia", "admin", actor="mia")
        with pytest.raises(TieoutError, match="there already"):
            add_user(journal, "mia", "clerk", actor="ada")
        with pytest.raises(TieoutError, match="no role 'boss'"):
            add_user(journal, "bob", "boss", actor="ada")
        with pytest.raises(TieoutError, match="no blanks"):
            add_user(journal, "a b", "clerk", actor="ada")


def test_while_there_are_no_users_nobody_is_refused(tmp_path):
    with Journal.open(f"sqlite:///{tmp_path / 'j.db'}") as journal, journal.reading() as session:
        require(session, "anybody", "approver")
        with pytest.raises(Forbidden, match="name of the actor is empty"):
            require(session, " ", "viewer")


def test_each_role_may_do_what_those_before_it_may():
    assert may("approver", "clerk") and may("admin", "approver")
    assert not may("viewer", "clerk") and not may(None, "viewer")


def test_the_last_admin_stays_and_a_disabled_user_has_no_role(journal):
    with pytest.raises(TieoutError, match="ada is the only admin"):
        disable_user(journal, "ada", actor="ada")
    with pytest.raises(TieoutError, match="ada is the only admin"):
        set_role(journal, "ada", "clerk", actor="ada")
    add_user(journal, "mia", "clerk", actor="ada")
    set_password(journal, "mia", WORD, actor="mia")
    disable_user(journal, "mia", actor="ada")
    with journal.reading() as session:
        assert role_of(session, "mia") is None
        with pytest.raises(Forbidden, match="mia is no active user"):
            require(session, "mia", "viewer")
    assert not check_password(journal, "mia", WORD)
    enable_user(journal, "mia", actor="ada")
    assert [(each["name"], each["role"], each["has_password"]) for each in users(journal)] == [
        ("ada", "admin", False),
        ("mia", "clerk", False),
    ]
    with pytest.raises(NotFound, match="no user eve"):
        set_role(journal, "eve", "clerk", actor="ada")


def test_a_password_is_checked_and_never_exported(journal):
    add_user(journal, "mia", "clerk", actor="ada")
    with pytest.raises(TieoutError, match="at least 12"):
        set_password(journal, "mia", "short", actor="mia")
    with pytest.raises(Forbidden):
        set_password(journal, "ada", WORD, actor="mia")
    set_password(journal, "mia", WORD, actor="ada")
    assert check_password(journal, "mia", WORD)
    assert not check_password(journal, "mia", WORD + "!")
    assert not check_password(journal, "eve", WORD)
    lines = io.StringIO()
    journal.export(lines)
    assert "user_password_set" in lines.getvalue()
    assert "argon2" not in lines.getvalue() and WORD not in lines.getvalue()
    assert journal.verify().holds


def test_an_export_with_users_replays_into_the_same_roles_without_passwords(journal, tmp_path):
    add_user(journal, "mia", "approver", actor="ada")
    set_password(journal, "mia", WORD, actor="mia")
    log_read(journal, "payment:B1", actor="mia")
    lines = io.StringIO()
    journal.export(lines)
    with Journal.open(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        copy.replay(lines.getvalue().splitlines())
        assert [(each["name"], each["role"]) for each in users(copy)] == [("ada", "admin"), ("mia", "approver")]
        assert not check_password(copy, "mia", WORD)
        assert copy.verify().holds


def test_a_read_of_personal_data_is_an_event_of_its_own(journal):
    with pytest.raises(Forbidden):
        log_read(journal, "payment:B1", actor="eve")
    log_read(journal, "payment:B1", actor="ada")
    with journal.reading() as session:
        assert [event.kind for event in session.events("read:payment:B1")] == ["personal_data_read"]
