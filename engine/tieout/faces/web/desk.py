"""What a request works with: the workspace's home, its journal, the sealed runs, and who is asking."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tieout.faces.web.gate import Attempts, Session, Sessions
from tieout.faces.web.masking import masked_row
from tieout.library.catalog import Catalogue
from tieout.model.definitions import Pattern, Route, RoutePlan, Text
from tieout.model.errors import DefinitionError, NotFound
from tieout.model.reasons import REASONS
from tieout.model.records import Query
from tieout.store import people
from tieout.store.engine import Limits, Store
from tieout.store.journal import Journal
from tieout.verify import read_manifest
from tieout.workspace import Home

if TYPE_CHECKING:
    from tieout.faces.web.openid import Provider

__all__ = ["Desk", "Who"]

_LIMITS = Limits(memory="1GiB", threads=2)


@dataclass(frozen=True)
class Who:
    """The person who asks."""

    name: str
    role: str
    session: Session
    by_cookie: bool
    """Signed in by cookie, so that forms must carry the token; a bearer token needs none."""

    def may(self, role: str) -> bool:
        return people.may(self.role, role)

    @property
    def sees_accounts(self) -> bool:
        return self.may("clerk")


@dataclass
class Desk:
    """One workspace, served."""

    home: Home
    journal: Journal
    sessions: Sessions = field(default_factory=Sessions)
    attempts: Attempts = field(default_factory=Attempts)
    setup_token: str | None = None
    """Opens the page on which the first person is made; None once there is one."""
    secure: bool = False
    openid: Provider | None = None
    """The provider people sign in by, where the workspace names one."""
    _anchors: dict[str, Store] = field(default_factory=dict)
    _routes: tuple[float, tuple[RoutePlan, ...]] = (0.0, ())
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # --- runs ---

    def runs(self) -> list[str]:
        """The ids of the sealed runs, the newest first."""
        return [folder.name for folder in self.home.sealed()][::-1]

    def folder(self, run_id: str | None = None) -> Path:
        """The folder of a sealed run, the newest where none is named. Raises NotFound: only names that are listed open anything."""
        for folder in reversed(list(self.home.sealed())):
            if run_id in (None, folder.name):
                return folder
        raise NotFound(f"there is no sealed run {run_id}" if run_id else "there is no sealed run yet")

    def manifest(self, run_id: str | None = None) -> dict[str, Any]:
        return dict(read_manifest(self.folder(run_id)))

    @contextlib.contextmanager
    def run(self, run_id: str | None = None) -> Iterator[Store]:
        """The tables of a sealed run, read-only, for one request."""
        folder = self.folder(run_id)
        path = folder / "run.duckdb"
        with self._lock:
            # One connection stays, so that others of this process find the file open and cost nothing.
            if folder.name not in self._anchors:
                if len(self._anchors) > 4:
                    self._anchors.pop(next(iter(self._anchors))).close()
                self._anchors[folder.name] = Store.open(path, limits=_LIMITS)
        with Store.open(path, limits=_LIMITS) as store:
            yield store

    def routes(self) -> tuple[RoutePlan, ...]:
        """The workspace's routing, looked for again once a minute; none where a definition file is broken."""
        until, plans = self._routes
        if time.monotonic() >= until:
            try:
                plans = tuple(Catalogue.load(self.home.folder).routes.values())
            except DefinitionError:
                plans = ()
            self._routes = time.monotonic() + 60, plans
        return plans

    def reasons(self) -> Mapping[str, Text]:
        """The titles of the reasons: those of every run, and those that the workspace's routing declares."""
        return {**{name: text for each in self.routes() for name, text in each.reasons.items()}, **REASONS}

    def route(self, name: str | None) -> Route | Pattern | None:
        """The route or pattern of that id."""
        every: list[Route | Pattern] = []
        for plan in self.routes():
            every += [*plan.routes, *plan.patterns]
        return next((each for each in every if each.id == name), None)

    def as_of(self) -> dt.date | None:
        try:
            return dt.date.fromisoformat(self.manifest()["as_of"])
        except NotFound:
            return None

    def objects_with(self, text: str, *, most: int = 400) -> tuple[str, ...]:
        """Payments and open items of the newest run whose names, texts or numbers have the text in them."""
        if len(text.strip()) < 3:
            return ()
        try:
            with self.run() as store:
                return tuple(
                    store.fetch(Query("search", _SEARCH, {"text": text.strip(), "most": most}))["id"].to_list()
                )
        except NotFound:
            return ()

    # --- people ---

    @property
    def takes_passwords(self) -> bool:
        """Whether people sign in with passwords that the journal keeps."""
        return bool(self.home.sign_in.get("local", True))

    def has_users(self) -> bool:
        return bool(people.users(self.journal))

    def role(self, name: str) -> str | None:
        """The role of an active person, as it is now; None for anybody else."""
        with self.journal.reading() as session:
            return people.role_of(session, name)

    def shown(self, who: Who, value: Any) -> Any:
        """The rows as this person may see them."""
        return value if who.sees_accounts else masked_row(value)

    def log_read(self, who: Who, what: str) -> None:
        """Puts on record who looked at personal data."""
        people.log_read(self.journal, what, actor=who.name)

    def close(self) -> None:
        for each in self._anchors.values():
            each.close()
        self.journal.close()


_SEARCH = """
select payment_id as id from payment
where contains(lower(concat_ws(' ', counterparty_name, ultimate_party_name, remittance, creditor_reference, end_to_end_id)), lower($text))
union
select open_item_id from open_item
where contains(lower(concat_ws(' ', party_name, reference, order_reference, contract_reference, text)), lower($text))
order by id limit $most
"""
