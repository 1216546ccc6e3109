"""Work in parts, done by this process and others beside it: whoever is free takes the next part. Answers keep the order.

``examine`` deals documents out. What another process cannot finish, because it was killed, this one does itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

__all__ = ["Crew"]

P = TypeVar("P")
A = TypeVar("A")

_AHEAD = 8
"""So many answers wait for their turn at most."""


class Crew(Generic[P, A]):
    """One way of working, in this process and in others once they are started."""

    def __init__(self, make: Callable[..., Callable[[P], A]], arguments: tuple[Any, ...], *, others: int) -> None:
        """make: gives, with the arguments, what answers a part; each process calls it once, so both are to be picklable."""
        self._make, self._arguments, self._count = make, arguments, others
        self._processes: list[BaseProcess] = []
        self._parts: Iterator[tuple[int, P]] | None = None
        self._back: list[tuple[int, P]] = []
        """What another process left undone."""
        self._answers: dict[int, A | _Failed] = {}
        self._taken = self._told = 0
        self._ended = False
        self._changed = threading.Condition()

    def start(self) -> None:
        """Starts the others, unless they are; each takes parts as soon as it is ready."""
        if self._processes:
            return
        # Spawned, because polars and DuckDB run threads that a forked child would inherit half-way.
        context = multiprocessing.get_context("spawn")
        for _ in range(self._count):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, self._make, self._arguments), daemon=True)
            self._processes.append(process)
            with _uninterrupted():
                process.start()
            there.close()
            threading.Thread(target=self._feed, args=(here,), daemon=True).start()

    def answers(self, parts: Iterable[P]) -> Iterator[A]:
        """The answer to each part, in their order. What a part raised is raised in its place."""
        try:
            work = self._make(*self._arguments)
            with self._changed:
                self._parts = enumerate(parts)
                self._changed.notify_all()
            while (taken := self._take()) is not None:
                self._answer(taken[0], work(taken[1]))
                yield from self._ready()
            yield from self._ready()
        finally:
            self._end()

    # --- parts ---

    def _take(self) -> tuple[int, P] | None:
        """The next part for this process, once there is one or all are answered."""
        with self._changed:
            while True:
                if self._back:
                    return self._back.pop()
                if (taken := self._next()) is not None:
                    return taken
                if self._told + len(self._answers) == self._taken:
                    return None
                self._changed.wait()

    def _take_beside(self) -> tuple[int, P] | None:
        """The next part for another process, as soon as no more answers wait than may."""
        with self._changed:
            self._changed.wait_for(self._wanted)
            return None if self._ended else self._next()

    def _wanted(self) -> bool:
        return self._ended or (self._parts is not None and self._taken - self._told <= _AHEAD * (self._count + 1))

    def _next(self) -> tuple[int, P] | None:
        assert self._parts is not None
        taken = next(self._parts, None)
        self._taken += taken is not None
        return taken

    def _answer(self, number: int, answer: A | _Failed) -> None:
        with self._changed:
            self._answers[number] = answer
            self._changed.notify_all()

    def _ready(self) -> Iterator[A]:
        while self._told in self._answers:
            with self._changed:
                answer = self._answers.pop(self._told)
                self._told += 1
                self._changed.notify_all()
            if isinstance(answer, _Failed):
                raise answer.error
            yield answer

    # --- other processes ---

    def _feed(self, connection: Connection) -> None:
        """Gives one other process its parts, as long as there are some."""
        while True:
            try:
                taken = self._take_beside()
            except Exception as exc:  # the parts themselves failed: it is told where this process would have met it
                with self._changed:
                    number, self._taken = self._taken, self._taken + 1
                self._answer(number, _Failed(exc))
                return
            if taken is None:
                connection.close()
                return
            try:
                connection.send(taken[1])
                self._answer(taken[0], connection.recv())
            except Exception:  # it was killed, or what it says cannot be read: this process does it itself
                with self._changed:
                    self._back.append(taken)
                    self._changed.notify_all()
                return

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for process in self._processes:
            process.terminate()
            process.join()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """A process started meanwhile does not hear of Ctrl-C: it ends this one, which ends the others."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Failed:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _serve(connection: Connection, make: Callable[..., Callable[[Any], Any]], arguments: tuple[Any, ...]) -> None:
    """What another process does: it answers parts until no more come."""
    try:
        work = make(*arguments)
    except Exception:  # the first process makes its own, and tells what is wrong
        return
    try:
        while True:
            part = connection.recv()
            try:
                answer = work(part)
            except Exception as exc:
                answer = _Failed(exc)
            connection.send(answer)
    except Exception:  # no more parts, or an answer that cannot be sent: the first process does it itself
        return
