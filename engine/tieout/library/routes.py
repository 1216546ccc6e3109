"""Routing files: which exception goes to which queue, and which exceptions seen together mean more. Meant in ``cases``.

The shape is checked by schemas/route.schema.json, the rest here: reasons that exist, ids that are unique, a last route
without conditions, routes no exception can reach, calendars that are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tieout.library import yamlfile
from tieout.library.mappings import parse_text
from tieout.library.yamlfile import Node, did_you_mean
from tieout.model.definitions import Pattern, Route, RoutePlan, RouteTest
from tieout.model.errors import Mistake
from tieout.model.reasons import REASONS

__all__ = ["parse_routes"]

DUE_DAYS = 5


def parse_routes(node: Node) -> tuple[RoutePlan | None, list[Mistake]]:
    """The routing a file describes, and every mistake in it; no routing where its shape is wrong."""
    mistakes = yamlfile.check(node, "route")
    if mistakes:
        return None, mistakes
    routes, patterns = node["routes"], node.get("patterns") or ()
    plan = RoutePlan(
        id=node.plain("routing"),
        title=parse_text(node.get("title"), default=node.plain("routing")),
        routes=tuple(_route(each) for each in routes),
        patterns=tuple(_pattern(each) for each in patterns),
        tests=tuple(_test(each) for each in node.get("tests") or ()),
        location=node["routing"].location,
        calendar=node.plain("calendar", ""),
        reasons={name: parse_text(each) for name, each in node["reasons"].items()} if node.get("reasons") else {},
    )
    mistakes += _doubles([*routes, *patterns])
    mistakes += _reasons(node)
    mistakes += _reach(routes)
    mistakes += _calendars(node)
    mistakes += _levels([*routes, *patterns])
    mistakes += _expectations(node, plan)
    return plan, sorted(set(mistakes))


def _route(node: Node) -> Route:
    return Route(
        id=node["id"].text,
        when=node.plain("when", {}),
        then=_then(node["then"]),
        location=node["id"].location,
        title=parse_text(node.get("title")),
        note=parse_text(node.get("note")),
    )


def _then(node: Node) -> dict[str, Any]:
    """The plain mapping with ``due`` as ``due_days``, a number of business days."""
    then: dict[str, Any] = {key: value for key, value in node.plain().items() if key not in ("due", "escalate")}
    then["due_days"] = _days(node.plain("due", DUE_DAYS))
    if levels := node.plain("escalate", []):
        then["escalate"] = tuple(
            {
                "after_days": _days(each["after"]),
                "queue": each["queue"],
                "owner": each.get("owner"),
                "due_days": _days(each.get("due", DUE_DAYS)),
            }
            for each in levels
        )
    return then


def _days(written: Any) -> int:
    return int(str(written).split()[0])


def _levels(nodes: Iterable[Node]) -> Iterator[Mistake]:
    """A level that comes no later than the one before it would never be seen, or hide that one."""
    for node in nodes:
        last = -1
        for level in node["then"].get("escalate") or ():
            days = _days(level.plain("after"))
            if days <= last:
                yield level["after"].mistake(f"{days} business days come no later than the level before; levels rise")
            last = days


def _pattern(node: Node) -> Pattern:
    return Pattern(
        id=node["id"].text,
        title=parse_text(node["title"]),
        events=tuple({key: value for key, value in event.plain().items() if key != "as"} for event in node["events"]),
        same=tuple(node.plain("same")),
        different=tuple(node.plain("different", [])),
        within_days=node.plain("within_days"),
        then=_then(node["then"]),
        location=node["id"].location,
    )


def _test(node: Node) -> RouteTest:
    given = node.plain("given")
    return RouteTest(tuple(given if isinstance(given, list) else [given]), node.plain("expect"), node.location)


def _doubles(nodes: Iterable[Node]) -> Iterator[Mistake]:
    first: dict[str, Node] = {}
    for node in nodes:
        name = node["id"]
        if name.text in first:
            yield name.mistake(f"'{name.text}' is also on line {first[name.text].location.line}; ids are unique")
        first.setdefault(name.text, name)


def _reasons(node: Node) -> Iterator[Mistake]:
    """Every reason that is named must be one of the contract, declared under ``reasons`` or raised by a pattern."""
    patterns = list(node.get("patterns") or ())
    known = {*REASONS, *node.plain("reasons", {}), *(each["then"]["raise"].text for each in patterns)}
    places = [each["when"] for each in node["routes"]]
    places += [event for each in patterns for event in each["events"]]
    places += [given for test in node.get("tests") or () for given in _each(test["given"])]
    for place in places:
        for key in ("reason", "reason_not"):
            for named in _each(place.get(key)):
                if named.text not in known:
                    hint = did_you_mean(named.text, known) or "; a reason of your own is declared under 'reasons'"
                    yield named.mistake(f"no reason '{named.text}'{hint}")


def _reach(routes: Node) -> Iterator[Mistake]:
    """A route that can never be taken, and a list that lets an exception fall through."""
    seen: dict[str, Node] = {}
    for route in routes:
        when = repr(sorted(route.plain("when", {}).items()))
        if "[]" in seen:
            yield route["id"].mistake(
                f"{route['id'].text} is never taken: {seen['[]']['id'].text} above it has no conditions"
            )
        elif when in seen:
            yield route["id"].mistake(
                f"{route['id'].text} is never taken: {seen[when]['id'].text} above it has the same conditions"
            )
        seen.setdefault(when, route)
    if "[]" not in seen:
        yield routes.mistake("the last route must have no conditions (when: {}), so that every exception has a queue")


def _calendars(node: Node) -> Iterator[Mistake]:
    places = [node, *(each["then"] for each in node["routes"]), *(each["then"] for each in node.get("patterns") or ())]
    for place in places:
        calendar = place.get("calendar")
        if calendar is not None and not _is_known(calendar.text):
            yield calendar.mistake(f"no calendar of public holidays for '{calendar.text}'")


def _is_known(calendar: str) -> bool:
    import holidays  # a quarter of a second to import, so only where a calendar is named

    country, _, part = calendar.partition("-")
    try:
        holidays.country_holidays(country, subdiv=part or None, years=2026)
    except NotImplementedError:
        return False
    return True


def _expectations(node: Node, plan: RoutePlan) -> Iterator[Mistake]:
    """A test may only expect what the file can give."""
    routes = {route.id for route in plan.routes}
    raised = {pattern.then["raise"] for pattern in plan.patterns}
    for test in node.get("tests") or ():
        for key, known in (("route", routes), ("raise", raised)):
            named = test["expect"].get(key)
            if named is not None and named.text not in known:
                what = "no route" if key == "route" else "no pattern raises"
                yield named.mistake(f"{what} '{named.text}'{did_you_mean(named.text, known)}")


def _each(node: Node | None) -> Iterator[Node]:
    """The entries of a list, or the one value; nothing where it is absent."""
    if node is not None:
        yield from node if isinstance(node.value, tuple) else (node,)
