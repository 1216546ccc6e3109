"""Who comes in: sessions, the limit on wrong passwords, roles and the token that forms carry. Keeps all of it in memory.

A session is a random token in a cookie; the server knows its SHA-256 only. Stopping the server signs everybody out.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["COOKIE", "Attempts", "Session", "Sessions"]

COOKIE = "tieout_session"
IDLE = dt.timedelta(minutes=60)
LONGEST = dt.timedelta(hours=12)
TRIES, WINDOW = 5, dt.timedelta(minutes=10)
MOST_SESSIONS = 10_000
Clock = Callable[[], dt.datetime]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass
class Session:
    """One person signed in on one machine."""

    user: str
    since: dt.datetime
    seen: dt.datetime
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    notes: list[tuple[str, str]] = field(default_factory=list)
    """What the next page says: (good or bad, sentence)."""

    def csrf_holds(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), self.csrf.encode())

    def take_notes(self) -> list[tuple[str, str]]:
        """The notes, once."""
        notes, self.notes = self.notes, []
        return notes


class Sessions:
    """The sessions that are open: after an hour without a request, and after twelve hours, they end."""

    def __init__(self, clock: Clock = _now) -> None:
        self._clock = clock
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()

    def begin(self, user: str) -> tuple[str, Session]:
        """A new session and the token that opens it."""
        token, now = secrets.token_urlsafe(32), self._clock()
        session = Session(user, now, now)
        with self._lock:
            self._open = {key: each for key, each in self._open.items() if not self._is_over(each, now)}
            while len(self._open) >= MOST_SESSIONS:
                del self._open[min(self._open, key=lambda key: self._open[key].seen)]
            self._open[_digest(token)] = session
        return token, session

    def find(self, token: str | None) -> Session | None:
        """The session that the token opens; None where it opens none or the session is over."""
        if not token:
            return None
        key, now = _digest(token), self._clock()
        with self._lock:
            session = self._open.get(key)
            if session is None:
                return None
            if self._is_over(session, now):
                del self._open[key]
                return None
            session.seen = now
            return session

    def end(self, token: str | None) -> None:
        with self._lock:
            self._open.pop(_digest(token or ""), None)

    def end_all(self, user: str) -> None:
        """Signs a person out everywhere: when the password or the role changes."""
        with self._lock:
            self._open = {key: each for key, each in self._open.items() if each.user != user}

    @staticmethod
    def _is_over(session: Session, now: dt.datetime) -> bool:
        return now - session.seen > IDLE or now - session.since > LONGEST


class Attempts:
    """Wrong passwords by user and address: after five in ten minutes the next must wait."""

    def __init__(self, clock: Clock = _now) -> None:
        self._clock = clock
        self._failed: defaultdict[str, deque[dt.datetime]] = defaultdict(deque)
        self._lock = threading.Lock()

    def wait_s(self, user: str, address: str) -> int:
        """Seconds until another try is allowed; 0 where it is allowed now."""
        now = self._clock()
        with self._lock:
            # One address may serve an office: it has four times the tries of one name.
            waits = [self._wait(f"u:{user.casefold()}", TRIES, now), self._wait(f"a:{address}", 4 * TRIES, now)]
        return max(waits)

    def _wait(self, key: str, tries: int, now: dt.datetime) -> int:
        failed = self._failed.get(key)
        while failed and now - failed[0] > WINDOW:
            failed.popleft()
        if not failed:
            self._failed.pop(key, None)
            return 0
        return int((failed[0] + WINDOW - now).total_seconds()) + 1 if len(failed) >= tries else 0

    def failed(self, user: str, address: str) -> None:
        now = self._clock()
        with self._lock:
            if len(self._failed) > MOST_SESSIONS:
                for key in list(self._failed):
                    self._wait(key, TRIES, now)
            self._failed[f"u:{user.casefold()}"].append(now)
            self._failed[f"a:{address}"].append(now)

    def succeeded(self, user: str) -> None:
        with self._lock:
            self._failed.pop(f"u:{user.casefold()}", None)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
