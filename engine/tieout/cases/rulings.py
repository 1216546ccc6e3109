"""Changed definitions wait for a second person where the workspace asks for it. Called by the conductor and the faces."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tieout.model.errors import Forbidden, NotFound, TieoutError
from tieout.store.fold import Entry, canonical
from tieout.store.journal import Journal
from tieout.store.people import require

__all__ = ["admit", "approve_rules", "digest_of", "rulings"]


def digest_of(definitions: Mapping[str, str]) -> str:
    """One hash of all definition files and their hashes."""
    return hashlib.sha256(canonical(dict(definitions)).encode()).hexdigest()


def admit(journal: Journal, definitions: Mapping[str, str], before: Mapping[str, str], *, actor: str) -> None:
    """Lets a run with these definitions go on, or proposes them and raises Forbidden until a second person approves.

    before: those of the last sealed run, for naming what changed. The first run of a workspace sets the standard.
    """
    digest = digest_of(definitions)
    with journal.writing() as session:
        runs = session.rows("run")
        last = max(runs, key=lambda row: row["run_id"], default=None)
        if last is None or last["definitions"] in {None, digest}:
            return
        there = session.rows("rules", digest=digest)
        if there and there[0]["state"] == "approved":
            return
        changed = sorted(name for name in {*definitions, *before} if definitions.get(name) != before.get(name))
        if not there:
            session.append([Entry(f"rules:{digest}", "rules_proposed", actor, payload={"changed": changed})])
    shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
    raise Forbidden(
        f"definitions changed since the last run ({shown}) and wait for a second person: "
        f"tieout journal approve-rules {digest[:12]} --reason ..."
    )


def approve_rules(journal: Journal, digest: str, *, actor: str, reason: str) -> None:
    """Approves changed definitions by their digest or its beginning. Needs an approver who did not propose them."""
    if not reason.strip():
        raise TieoutError("rules are not approved without a reason")
    with journal.writing() as session:
        require(session, actor, "approver")
        found = [row for row in session.rows("rules") if row["digest"].startswith(digest)] if digest else []
        if len(found) != 1:
            raise NotFound(f"{len(found)} proposed rules begin with '{digest}'; 'tieout journal rules' shows them")
        [rules] = found
        if rules["state"] != "proposed":
            raise TieoutError(f"rules {digest} are {rules['state']} already")
        if rules["proposed_by"] == actor:
            raise Forbidden(f"rules {digest} were proposed by {actor}; another person must approve them")
        session.append([Entry(f"rules:{rules['digest']}", "rules_approved", actor, reason.strip())])


def rulings(journal: Journal) -> list[dict[str, Any]]:
    """Definitions that were proposed: digest, state, proposed_by, approved_by, changed, changed_at."""
    with journal.reading() as session:
        return session.rows("rules")
