"""``tieout schedule``: runs at the times of tieout.yaml, what was missed caught up, somebody told when it goes wrong.

When is due is decided by pure functions of the settings, the clock and the last scheduled time that was done, which
``runs/.schedule.json`` keeps. A run takes the workspace's own lock, which dies with its process, so there is never a
second one. Each stage is a line of JSON on the log, account numbers masked; ``metrics.prom`` has the last run's figures.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from tieout.model.errors import DefinitionError, SourceError, TieoutError, WorkspaceBusy
from tieout.model.masking import accounts_in

__all__ = ["Plan", "due", "following", "plan_of", "schedule", "work_once"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_BACK = dt.timedelta(days=8)
NAP_S = 30.0
STATE = ".schedule.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """When a workspace runs."""

    times: tuple[dt.time, ...]
    days: frozenset[int]
    zone: dt.tzinfo
    today: bool
    """Whether a run looks at the day it was meant for; else at as_of of the settings."""


def plan_of(settings: Mapping[str, Any]) -> Plan:
    """The plan of the checked ``schedule:``. Raises TieoutError where there is none or the time zone is unknown."""
    if not settings:
        raise TieoutError("tieout.yaml has no 'schedule:'; write for example: schedule: {at: \"06:30\"}")
    at = settings["at"]
    zone = settings.get("time_zone", "UTC")
    try:
        tz = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise TieoutError(f"schedule: no time zone '{zone}'; write for example Europe/Berlin") from exc
    times = tuple(sorted(dt.time.fromisoformat(each) for each in ([at] if isinstance(at, str) else at)))
    days = frozenset(DAYS.index(each) for each in settings.get("days", DAYS))
    return Plan(times, days, tz, settings.get("as_of", "today") == "today")


def _moments(plan: Plan, first: dt.date, last: dt.date) -> Sequence[dt.datetime]:
    """The planned times of the days, in order, as instants; one that a change of the clock skips is the next that exists."""
    days = (first + dt.timedelta(days=n) for n in range((last - first).days + 1))
    return sorted(
        dt.datetime.combine(day, each, plan.zone).astimezone(dt.UTC)
        for day in days
        if day.weekday() in plan.days
        for each in plan.times
    )


def due(plan: Plan, now: dt.datetime, done: dt.datetime | None) -> dt.datetime | None:
    """The latest planned time that has passed and was not done; several missed ones are caught up by one run.

    done: the planned time of the last run; None where the schedule begins now, which owes nothing.
    """
    if done is None:
        return None
    today = now.astimezone(plan.zone).date()
    passed = [each for each in _moments(plan, today - LOOK_BACK, today) if done < each <= now]
    return passed[-1] if passed else None


def following(plan: Plan, now: dt.datetime) -> dt.datetime:
    """The next planned time after now."""
    today = now.astimezone(plan.zone).date()
    return next(each for each in _moments(plan, today, today + LOOK_BACK) if each > now)


# --- one turn ---


def work_once(
    folder: Path,
    now: dt.datetime,
    *,
    log: IO[str],
    tell: Callable[[Mapping[str, Any], Mapping[str, Any]], list[str]] | None = None,
) -> int | None:
    """Runs the workspace where a planned time is due; the exit status of the run, None where nothing was due.

    A time counts as done before its run begins when it fails for a reason that a repetition meets again; a run that
    was killed is caught up by the next turn. Whoever should be told is told of a failure and of too many exceptions.
    """
    from tieout.workspace import open_home

    home = open_home(folder)
    plan = plan_of(home.schedule)
    done = _done(home.runs)
    if done is None:
        _keep(home.runs, now)
        return None
    moment = due(plan, now, done)
    if moment is None:
        return None
    outcome = _run(folder, moment.astimezone(plan.zone).date() if plan.today else None, log)
    if outcome.get("busy"):
        return None
    _keep(home.runs, moment)
    notify = home.schedule.get("notify", {})
    limit = notify.get("exceptions_above")
    if outcome["status"] not in {0, 1} or (limit is not None and outcome.get("exceptions", 0) > limit):
        for line in (tell or _tell)(notify, {"workspace": home.entity["name"], **outcome}):
            _write(log, "notification_failed", problem=line)
    return int(outcome["status"])


def _run(folder: Path, as_of: dt.date | None, log: IO[str]) -> dict[str, Any]:
    from tieout import run as conductor
    from tieout.faces.metrics import write_metrics
    from tieout.workspace import open_workspace

    progress = StageLog(log)
    try:
        sealed = conductor.run(open_workspace(folder), as_of=as_of, progress=progress)
    except DefinitionError as exc:
        return _failed(log, 2, exc)
    except WorkspaceBusy:
        return {"busy": True, "status": 3}
    except TieoutError as exc:
        return _failed(log, 3, exc)
    counts = {step["stage"]: {k: v for k, v in step.items() if k != "stage"} for step in sealed.manifest["steps"]}
    exceptions = counts["cases"]["exceptions"]
    status = 3 if sealed.unread else 0
    _write(log, "run_sealed", run=sealed.run_id, exceptions=exceptions, unread=list(sealed.unread), status=status)
    write_metrics(sealed.folder.parent.parent / "metrics.prom", sealed.manifest, progress.seconds)
    return {"status": status, "run": sealed.run_id, "exceptions": exceptions, "unread": list(sealed.unread)}


def _failed(log: IO[str], status: int, exc: TieoutError) -> dict[str, Any]:
    problem = masked(str(exc).splitlines()[0])
    _write(log, "run_failed", status=status, problem=problem)
    return {"status": status, "problem": problem}


class StageLog:
    """Progress as lines of JSON: stage, what it counted, seconds."""

    def __init__(self, log: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._stage, self._since = "", 0.0
        self.seconds: dict[str, float] = {}

    def start(self, stage: str, total: int | None = None) -> None:
        del total
        self._stage, self._since = stage, self._clock()

    def advance(self, steps: int = 1) -> None:
        del steps

    def finish(self, summary: str = "") -> None:
        taken = round(self._clock() - self._since, 3)
        self.seconds[self._stage] = taken
        _write(self._log, "stage", stage=self._stage, counts=summary, seconds=taken)


def masked(text: str) -> str:
    """The text as a log may keep it."""
    return accounts_in(text, digits=8)


def _write(log: IO[str], event: str, **facts: Any) -> None:
    instant = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    shown = {key: masked(value) if isinstance(value, str) and key != "run" else value for key, value in facts.items()}
    shown = {k: [masked(str(each)) for each in v] if isinstance(v, list) else v for k, v in shown.items()}
    print(json.dumps({"at": instant, "event": event, **shown}, ensure_ascii=False), file=log, flush=True)


# --- what was done, kept so that a killed process loses at most the run it was in ---


def _done(runs: Path) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(json.loads((runs / STATE).read_text("utf-8"))["done"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(runs: Path, moment: dt.datetime) -> None:
    try:
        runs.mkdir(parents=True, exist_ok=True)
        fresh = runs / f"{STATE}.new"
        fresh.write_text(json.dumps({"done": moment.astimezone(dt.UTC).isoformat()}) + "\n", "utf-8")
        fresh.replace(runs / STATE)
    except OSError as exc:
        raise SourceError(f"{runs}: cannot be written: {exc.strerror or exc}") from exc


# --- who is told ---


def _tell(notify: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Sends the facts by webhook and mail; what could not be sent, one sentence each, never a secret in it."""
    problems = []
    for name, send in (("webhook", _post), ("smtp", _mail)):
        if name in notify:
            try:
                send(notify[name], facts)
            except (OSError, ValueError, TieoutError) as exc:
                problems.append(f"{name}: {type(exc).__name__}")
    return problems


def _post(url: str, facts: Mapping[str, Any]) -> None:
    from tieout.exchange import notify
    from tieout.workspace import filled

    address = filled(url)
    try:
        notify(address, facts)
    except SourceError as exc:  # its words may hold the address, and that a secret
        raise TieoutError("the webhook did not take the message") from exc


def _mail(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    import smtplib
    import ssl
    from email.message import EmailMessage

    from tieout.workspace import filled

    message = EmailMessage()
    failed = facts["status"] not in {0, 1}
    message["Subject"] = f"tieout: {facts['workspace']}: " + ("the run failed" if failed else "many exceptions")
    message["From"] = settings["from"]
    to = settings["to"]
    message["To"] = to if isinstance(to, str) else ", ".join(to)
    message.set_content(json.dumps(facts, ensure_ascii=False, indent=1))
    security = settings.get("security", "starttls")
    host = settings["host"]
    if security == "none" and host not in {"localhost", "127.0.0.1", "::1"}:
        raise TieoutError("mail without encryption goes to this machine only")
    port = settings.get("port", {"tls": 465, "starttls": 587, "none": 25}[security])
    context = ssl.create_default_context()
    made = (
        smtplib.SMTP_SSL(host, port, timeout=30, context=context)
        if security == "tls"
        else smtplib.SMTP(host, port, timeout=30)
    )
    with made as server:
        if security == "starttls":
            server.starttls(context=context)
        if "user" in settings:
            server.login(filled(settings["user"]), filled(settings.get("password", "")))
        server.send_message(message)


# --- the command ---


def schedule(
    workspace: Annotated[Path, typer.Argument(help="The folder with tieout.yaml.")] = Path(),
    once: Annotated[
        bool, typer.Option("--once", help="Do what is due and end: for cron. 0 also where nothing was.")
    ] = False,
) -> None:
    """Run at the times in tieout.yaml, one run at a time; catch up what was missed."""
    from tieout.workspace import open_home

    plan = plan_of(open_home(workspace).schedule)
    while True:
        now = dt.datetime.now(dt.UTC)
        status = work_once(workspace, now, log=sys.stderr)
        if once:
            raise typer.Exit(status or 0)
        left = (following(plan, dt.datetime.now(dt.UTC)) - dt.datetime.now(dt.UTC)).total_seconds()
        time.sleep(max(1.0, min(NAP_S, left)))
