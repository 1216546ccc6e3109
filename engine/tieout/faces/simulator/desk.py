"""What the test platform has and does: its documents, its verdicts, what it was told to do wrong, and its own journal."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["FAULTS", "Desk", "Fault", "Held", "Judge"]

Judge = Callable[[Mapping[str, bytes]], Mapping[str, str]]
"""For documents by id: what is wrong with each that is not accepted, in a sentence."""

FAULTS = ("slow", "429", "500", "500_after", "garbage", "drop", "expire_token")


@dataclass
class Fault:
    """One way to misbehave. times: how often; share: else at random; path: only requests that have it in their path."""

    kind: str
    times: int = 1
    share: float = 0.0
    path: str = ""
    seconds: float = 0.1


@dataclass
class Held:
    """One document the platform has."""

    id: str
    profile: str
    number: str
    content: bytes
    key: str = ""
    session: str = ""
    state: str = "received"
    message: str = ""
    changed: int = 0
    changed_at: str = ""
    received_at: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Desk:
    """The state of the test platform; every method may be called from any thread.

    judge: looks at what was received before anyone is told of it. journal: a file that gets a JSON line for each thing
    that happened. now: its own clock, which may be wrong. index_lag_s: how long after it was taken a search does not show
    a document.
    """

    def __init__(
        self,
        judge: Judge = lambda _: {},
        *,
        journal: Path | None = None,
        seed: int = 1,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        secret: str = "rehearsal",  # noqa: S107 - the test platform's own
        index_lag_s: float = 0.0,
    ) -> None:
        self.judge, self._journal, self.now, self.secret = judge, journal, now, secret
        self.index_lag_s = index_lag_s
        self.lock = threading.RLock()
        self.held: dict[str, Held] = {}
        self.by_key: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, list[str]] = {}
        self.inbox: list[Held] = []
        self.faults: list[Fault] = []
        self.calls: dict[str, int] = {}
        self.doubles = 0
        self.change_mind = 0
        self.callbacks = "once"
        self.callback_url = ""
        self.spent_nonces: set[str] = set()
        self.tokens: dict[str, float] = {}
        self.sessions: dict[str, Any] = {}
        self._random = random.Random(seed)  # noqa: S311 - chance of faults
        self._serial = 0
        self._unjudged: list[str] = []
        self._waiting: list[Held] = []

    def at(self) -> str:
        return self.now().astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def note(self, what: str, **facts: Any) -> None:
        self.calls[what] = self.calls.get(what, 0) + 1
        if self._journal:
            with self.lock, self._journal.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"at": self.at(), "what": what, **facts}, ensure_ascii=False) + "\n")

    # --- faults ---

    def fault(self, path: str) -> Fault | None:
        """The fault this request is to suffer, if any."""
        with self.lock:
            for each in self.faults:
                if each.path and each.path not in path:
                    continue
                if each.share:
                    if self._random.random() < each.share:
                        return each
                elif each.times > 0:
                    each.times -= 1
                    return each
        return None

    # --- documents ---

    def serial(self) -> int:
        with self.lock:
            self._serial += 1
            return self._serial

    def take(self, profile: str, number: str, content: bytes, *, key: str = "", once: bool = True, **more: Any) -> Held:
        """Takes a document; the one it has where the key is known. ``once`` false takes it again, as a double."""
        with self.lock:
            there = self.by_key.get((profile, key)) if key else None
            if there and once:
                self.note("repeated", profile=profile, number=number, id=there)
                return self.held[there]
            if any(each.number == number and each.profile == profile for each in self._of(number)):
                self.doubles += 1
            held = Held(
                f"{profile[:2]}-{self.serial():08d}", profile, number, content, key, received_at=self.at(), **more
            )
            self._numbers.setdefault(number, []).append(held.id)
            self.held[held.id] = held
            if key:
                self.by_key[profile, key] = held.id
            self._unjudged.append(held.id)
            self._changed(held, "received", "")
            self.note("taken", profile=profile, number=number, id=held.id, sha256=held.sha256)
            return held

    def _of(self, number: str) -> Iterable[Held]:
        return [self.held[each] for each in self._numbers.get(number, ())]

    def find(self, *, number: str = "", key: str = "", profile: str = "") -> list[Held]:
        with self.lock:
            if key:
                there = self.by_key.get((profile, key))
                return [self.held[there]] if there else []
            return [each for each in self._of(number) if not profile or each.profile == profile]

    def indexed(self, found: Iterable[Held]) -> list[Held]:
        """Those of the documents that its search shows by now."""
        late = self.now() - dt.timedelta(seconds=self.index_lag_s)
        return [each for each in found if dt.datetime.fromisoformat(each.received_at) <= late]

    def judged(self) -> None:
        """Judges what was received since the last time, as a platform does in its own time."""
        with self.lock:
            waiting, self._unjudged = self._unjudged, []
            if not waiting:
                return
            wrong = self.judge({each: self.held[each].content for each in waiting})
            for each in waiting:
                held = self.held[each]
                if held.state == "received":
                    self._changed(held, "rejected" if each in wrong else "accepted", wrong.get(each, ""))

    def reconsider(self) -> None:
        """Changes its mind about documents it accepted, as often as it was told to."""
        with self.lock:
            for held in list(self.held.values()):
                if self.change_mind and held.state == "accepted" and not held.extra.get("reconsidered"):
                    self.change_mind -= 1
                    held.extra["reconsidered"] = True
                    self._changed(held, "rejected", "accepted in error, now refused")

    def cancel(self, held: Held, reason: str) -> bool:
        with self.lock:
            if held.state not in ("received", "accepted"):
                return False
            self._changed(held, "cancelled", reason)
            return True

    def _changed(self, held: Held, state: str, message: str) -> None:
        held.state, held.message = state, message
        held.changed, held.changed_at = self.serial(), self.at()
        self.note("changed", id=held.id, number=held.number, state=state, message=message)
        if state != "received":
            self._waiting.append(held)

    def to_tell(self) -> list[tuple[Held, int]]:
        """The documents a callback is due for, each as often as callbacks were told to be sent."""
        with self.lock:
            waiting, self._waiting = self._waiting, []
            copies = {"once": 1, "lose": 0, "double": 2}[self.callbacks]
            return [(each, copies) for each in waiting]

    def since(self, position: int) -> list[Held]:
        with self.lock:
            return sorted((each for each in self.held.values() if each.changed > position), key=lambda h: h.changed)
