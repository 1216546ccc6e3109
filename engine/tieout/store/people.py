"""Who may do what: users with roles, kept as events of the journal, and their passwords, kept beside it.

While a journal has no user it belongs to whoever can open it, and nothing is refused by role. The first user is an
administrator; from then on every act is checked here, inside the transaction that writes it. A password's hash (argon2id)
stands in a table of its own: no event, no view and no export ever holds it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tieout.model.errors import Forbidden, NotFound, TieoutError
from tieout.store.fold import Entry
from tieout.store.journal import Journal, Session
from tieout.store.tables import CREDENTIAL, USER

__all__ = [
    "ENGINE",
    "ROLES",
    "add_user",
    "check_password",
    "check_strength",
    "disable_user",
    "enable_user",
    "follow_provider",
    "log_read",
    "may",
    "require",
    "role_of",
    "set_password",
    "set_role",
    "users",
]

ROLES = ("viewer", "clerk", "approver", "admin")
"""Each may do what those before it may."""
ENGINE = "tieout"
"""Who writes what no person does: runs, and what the sign-in provider says."""
LEAST_LETTERS = 12
# What a wrong name is checked against, so that it takes as long as a wrong password.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$3yY5jTAm0vXgJ4vPHkxk4cuCPnN4E0yXUM8HzWFQyXA"


def may(role: str | None, needed: str) -> bool:
    """Whether the role reaches the one needed."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed)


def role_of(session: Session, name: str) -> str | None:
    """The role of an active user; None for one who is unknown or disabled."""
    query = sa.select(USER.c.role).where(
        USER.c.workspace == session.workspace, USER.c.name == name, USER.c.state == "active"
    )
    found: str | None = session.connection.scalar(query)
    return found


def require(session: Session, actor: str, needed: str) -> None:
    """Raises Forbidden where the actor's role does not reach the one needed; nothing is refused while there are no users."""
    if not actor.strip():
        raise Forbidden("nobody acts: the name of the actor is empty")
    role = role_of(session, actor)
    if may(role, needed) or (role is None and not session.rows("user")):
        return
    who = f"{actor} is {role}" if role else f"{actor} is no active user of this workspace"
    raise Forbidden(f"{who}; this needs the role {needed}")


def users(journal: Journal) -> list[dict[str, Any]]:
    """All users by name: name, role, state (active or disabled), changed_at, has_password."""
    with journal.reading() as session:
        names = sa.select(CREDENTIAL.c.name).where(CREDENTIAL.c.workspace == session.workspace)
        known = set(session.connection.scalars(names))
        return [
            {key: row[key] for key in ("name", "role", "state", "changed_at")} | {"has_password": row["name"] in known}
            for row in session.rows("user")
        ]


def add_user(journal: Journal, name: str, role: str, *, actor: str) -> None:
    """Adds a user. Needs an admin; the first user is made by anybody and must be one."""
    name = name.strip()
    _check_name(name)
    _known_role(role)
    with journal.writing() as session:
        require(session, actor, "admin")
        there = session.rows("user")
        if any(row["name"] == name for row in there):
            raise TieoutError(f"user {name} is there already")
        if not there and role != "admin":
            raise TieoutError("the first user must be an admin, or nobody could add the next")
        session.append([Entry(f"user:{name}", "user_added", actor, payload={"role": role})])


def set_role(journal: Journal, name: str, role: str, *, actor: str) -> None:
    """Gives a user another role. Needs an admin; the last admin stays one."""
    _known_role(role)
    with journal.writing() as session:
        require(session, actor, "admin")
        _stays_governed(session, _user(session, name), admin=role == "admin")
        session.append([Entry(f"user:{name}", "user_role_set", actor, payload={"role": role})])


def disable_user(journal: Journal, name: str, *, actor: str) -> None:
    """Takes all rights and the password from a user; what he did stays. Needs an admin; the last admin stays."""
    with journal.writing() as session:
        require(session, actor, "admin")
        _stays_governed(session, _user(session, name), admin=False)
        session.append([Entry(f"user:{name}", "user_disabled", actor)])
        session.connection.execute(CREDENTIAL.delete().where(*_credential(session, name)))


def enable_user(journal: Journal, name: str, *, actor: str) -> None:
    """Gives a disabled user the role back; a password must be set anew. Needs an admin."""
    with journal.writing() as session:
        require(session, actor, "admin")
        role = _user(session, name)["role"]
        session.append([Entry(f"user:{name}", "user_enabled", actor, payload={"role": role})])


def follow_provider(journal: Journal, name: str, role: str, *, issuer: str) -> None:
    """Gives a person the role that the sign-in provider says, and adds who is new; the event names the provider.

    Raises Forbidden where an admin has disabled the person here: that stands above the provider.
    """
    _known_role(role)
    with journal.reading() as session:
        if role_of(session, name) == role:
            return
    with journal.writing() as session:
        found = session.rows("user", name=name)
        if found and found[0]["state"] != "active":
            raise Forbidden(f"{name} is disabled in this workspace")
        if not found:
            _check_name(name)
        kind = "user_role_set" if found else "user_added"
        session.append([Entry(f"user:{name}", kind, ENGINE, f"as {issuer} says", {"role": role})])


def set_password(journal: Journal, name: str, password: str, *, actor: str) -> None:
    """Sets the password a user signs in with: the own one, or an admin anybody's."""
    check_strength(password)
    from argon2 import PasswordHasher

    hashed = PasswordHasher().hash(password)
    with journal.writing() as session:
        user = _user(session, name)
        require(session, actor, "viewer" if actor == name else "admin")
        if user["state"] != "active":
            raise TieoutError(f"user {name} is disabled")
        instant = session.append([Entry(f"user:{name}", "user_password_set", actor)])[0].instant
        session.connection.execute(CREDENTIAL.delete().where(*_credential(session, name)))
        row = {"workspace": session.workspace, "name": name, "password_hash": hashed, "changed_at": instant}
        session.connection.execute(CREDENTIAL.insert().values(**row))


def check_strength(password: str) -> None:
    """Raises TieoutError where the password is too short."""
    if len(password) < LEAST_LETTERS:
        raise TieoutError(f"a password has at least {LEAST_LETTERS} letters")


def check_password(journal: Journal, name: str, password: str) -> bool:
    """Whether the password is that of the active user; an unknown name takes as long as a wrong password."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    with journal.reading() as session:
        query = sa.select(CREDENTIAL.c.password_hash).where(*_credential(session, name))
        hashed = session.connection.scalar(query) if role_of(session, name) else None
    try:
        return PasswordHasher().verify(hashed or _NOBODY, password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def log_read(journal: Journal, what: str, *, actor: str) -> None:
    """Notes that somebody read personal data: ``what`` names the object, as in case:EX-... or payment:B1."""
    with journal.writing() as session:
        require(session, actor, "viewer")
        session.append([Entry(f"read:{what}", "personal_data_read", actor)])


def _check_name(name: str) -> None:
    if not name or any(sign.isspace() or not sign.isprintable() for sign in name) or len(name) > 100:
        raise TieoutError("a user's name has 1 to 100 printable signs and no blanks")
    if name == ENGINE:
        raise TieoutError(f"{ENGINE} is the name under which runs write; choose another one")


def _known_role(role: str) -> None:
    if role not in ROLES:
        raise TieoutError(f"no role '{role}'; roles are {', '.join(ROLES)}")


def _user(session: Session, name: str) -> dict[str, Any]:
    found = session.rows("user", name=name)
    if not found:
        raise NotFound(f"there is no user {name}; 'tieout users list' shows those there are")
    return found[0]


def _stays_governed(session: Session, user: dict[str, Any], *, admin: bool) -> None:
    """Raises TieoutError where no admin would be left."""
    admins = session.rows("user", role="admin", state="active")
    if not admin and [row["name"] for row in admins] == [user["name"]]:
        raise TieoutError(f"{user['name']} is the only admin; make another one first")


def _credential(session: Session, name: str) -> tuple[Any, ...]:
    return CREDENTIAL.c.workspace == session.workspace, CREDENTIAL.c.name == name
