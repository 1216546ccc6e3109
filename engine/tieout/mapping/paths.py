"""The path language of XML mappings: element steps with predicates, an attribute at the end, ``../`` at the start.

    cac:Party/cac:PartyTaxScheme[cac:TaxScheme/cbc:ID='VAT']/cbc:CompanyID      a child's text (case and outer space folded)
    cbc:ID[not @schemeID='SEPA']   cac:Attachment[cbc:URI]                       negated; only that it is there
    ram:ID[@schemeID=='VA']                                                      to the letter, blanks and case too
    Amt[@Ccy=$currency]                                                          equal to another column of the row
    ../../BookgDt/Dt   .   @currencyID                                           steps up; the row's element; its attribute
    Ntry/NtryDtls?/TxDtls                                                        an element some versions leave out
    */Stmt                                                                       an element of any name

A step without a prefix takes the namespace of the document's root, whatever it is: that is how one mapping reads every
version of camt.053.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

__all__ = ["Path", "PathSyntaxError", "Step", "Test", "parse_path", "qualified"]

_NAME = r"(?:[\w.-]+(?::[\w.-]+)?|\*)"
_STEP = re.compile(rf"({_NAME})(\??)((?:\[(?:[^\]'$]|'[^']*'|\$\w+)*\])*)")
_TEST = re.compile(
    rf"\[\s*(?P<not>not\s+)?(?P<operand>\.|@{_NAME}|{_NAME}(?:/{_NAME})*(?:/@{_NAME})?)"
    r"\s*(?:=(?P<exact>=)?\s*(?:'(?P<literal>[^']*)'|\$(?P<column>\w+)))?\s*\]"
)


class PathSyntaxError(ValueError):
    """A path that cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Test:
    """One predicate: that a descendant, an attribute or the element's own text is there, or has a value."""

    negated: bool
    names: tuple[str, ...]
    attribute: str | None
    literal: str | None
    column: str | None
    exact: bool = False

    __test__ = False


@dataclass(frozen=True, slots=True)
class Step:
    """One element of a path, with the predicates it must satisfy; the name is ``{namespace}local`` or ``{*}local``."""

    name: str
    tests: tuple[Test, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path: steps up, steps down, maybe an attribute."""

    up: int
    steps: tuple[Step, ...]
    attribute: str | None
    text: str

    def below(self, each: tuple[Step, ...]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """The element whose row owns the value, and the steps from there; raises where ``../`` leaves the document."""
        if self.up > len(each):
            raise PathSyntaxError(f"{self.text}: '../' leaves the document")
        return each[: len(each) - self.up], self.steps


def qualified(path: Path, rename: Callable[[str], str]) -> Path:
    """The path with every column that a predicate names renamed."""

    def of(test: Test) -> Test:
        return replace(test, column=rename(test.column)) if test.column else test

    return replace(path, steps=tuple(replace(step, tests=tuple(map(of, step.tests))) for step in path.steps))


def parse_path(text: str, namespaces: Mapping[str, str]) -> Path:
    """The path a text describes. Raises PathSyntaxError where it cannot be read or a prefix is not declared."""
    rest, up = text.strip(), 0
    while rest == ".." or rest.startswith("../"):
        rest, up = rest[3:], up + 1
    if rest.startswith("./"):
        rest = rest[2:]
    steps: list[Step] = []
    attribute: str | None = None
    while rest and rest != ".":
        if rest.startswith("@"):
            attribute = _attribute(rest[1:], namespaces, text)
            break
        match = _STEP.match(rest)
        after = rest[match.end() :] if match else ""
        if not match or (after and not after.startswith("/")):
            raise PathSyntaxError(f"{text}: '{rest}' is not a step (name[predicate]/...)")
        steps.append(Step(_clark(match[1], namespaces, text), _tests(match[3], namespaces, text), bool(match[2])))
        rest = after[1:]
        if after and not rest:
            raise PathSyntaxError(f"{text}: nothing after the last '/'")
    return Path(up, tuple(steps), attribute, text)


def _tests(text: str, namespaces: Mapping[str, str], whole: str) -> tuple[Test, ...]:
    tests: list[Test] = []
    position = 0
    while position < len(text):
        match = _TEST.match(text, position)
        if not match:
            raise PathSyntaxError(
                f"{whole}: '{text[position:]}' is not a predicate ([name], [name='x'], [name=='x'], [not @a=$column])"
            )
        operand, attribute = match["operand"], None
        head, _, last = operand.rpartition("/")
        if last.startswith("@"):
            operand, attribute = head, _attribute(last[1:], namespaces, whole)
        names = tuple(_clark(name, namespaces, whole) for name in operand.split("/") if name and name != ".")
        tests.append(
            Test(bool(match["not"]), names, attribute, match["literal"], match["column"], bool(match["exact"]))
        )
        position = match.end()
    return tuple(tests)


def _clark(name: str, namespaces: Mapping[str, str], whole: str) -> str:
    prefix, colon, local = name.partition(":")
    if not colon:
        return "{*}" + name
    if prefix not in namespaces:
        raise PathSyntaxError(f"{whole}: the prefix '{prefix}' is not under namespaces")
    return "{" + namespaces[prefix] + "}" + local


def _attribute(name: str, namespaces: Mapping[str, str], whole: str) -> str:
    if not re.fullmatch(_NAME, name):
        raise PathSyntaxError(f"{whole}: '@{name}' is not an attribute")
    return _clark(name, namespaces, whole) if ":" in name else name
