"""An ERP spoken to over HTTP, as a mapping's ``api`` describes it: signing in, reading in pages, changed since, writing back.

JSON-RPC, REST and OData are the same here: a request is a template, an answer is JSON with the records at a path.
Implements ``model.ports.Source`` (``ApiSource``) and ``model.ports.Ledger`` (``ErpApi``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tieout.connect.erp_template import at, filled, filled_path, plain, worded
from tieout.connect.http import Http, Policy
from tieout.connect.http_auth import Auth, Basic, Request, client_credentials
from tieout.connect.http_json import decoded, encoded
from tieout.connect.mirror import Mirror
from tieout.model.errors import RemoteError, SourceError
from tieout.model.records import Document

__all__ = ["ApiSource", "ErpApi"]

_MOST_PAGES = 100_000


class ErpApi:
    """One ERP's interface.

    api: ``api`` of the mapping. settings: what the workspace says: database, user, password ... transport, clock and
    sleep stand in for the network and the time in tests.
    """

    def __init__(self, name: str, url: str, api: Mapping[str, Any], settings: Mapping[str, str], **http: Any) -> None:
        self.name = name
        self._api, self._settings = api, {"url": url.rstrip("/"), **settings}
        self._dialect = str(api.get("dialect", ""))
        policy = Policy(rates=tuple((int(count), float(seconds)) for count, seconds in api.get("rates", ())))
        # The steps of signing in go by a connection without the proof that they fetch.
        self._plain = Http(name, url, policy=http.pop("policy", policy), **http)
        self._session = _Session(self._plain, api, self._settings)
        auth: Auth | None = self._auth() if "auth" in api else self._session
        self._http = Http(name, url, auth=auth, policy=self._plain.policy, **http)

    def __repr__(self) -> str:
        return f"ErpApi({self.name!r}, {self._settings['url']!r})"

    def close(self) -> None:
        self._http.close()
        self._plain.close()

    def read(self, since: str | None = None) -> Iterator[Mapping[str, Any]]:
        """The records, page by page, only those changed since where that is given.

        Raises RemoteError in one line where the ERP refuses, with its own words.
        """
        read = self._api["read"]
        paging = read.get("paging", {})
        size, position = int(paging.get("size", 200)), int(paging.get("first", 0))
        cursor = read.get("cursor", {})
        values: dict[str, Any] = {"since": since or cursor.get("first"), "size": size}
        following: str | None = None
        for _ in range(_MOST_PAGES):
            answer = self._ask(read["request"], {**values, "offset": position, "page": position}, path=following)
            found = at(answer, read.get("records", ""))
            if not isinstance(found, list):
                raise RemoteError(f"{self.name}: there is no list '{read.get('records', '')}' in the answer")
            yield from found
            if paging.get("kind") == "next":
                following = at(answer, paging["path"])
                if not following:
                    return
            elif paging.get("kind") in ("offset", "page"):
                if len(found) < size:
                    return
                position += len(found) if paging["kind"] == "offset" else 1
            else:
                return
        raise RemoteError(f"{self.name}: more than {_MOST_PAGES} pages; the list does not end")

    def can(self, operation: str) -> bool:
        """Whether the ERP's description says how this is written."""
        return operation in self._api.get("write", {})

    def find(self, operation: str, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What the ERP has already of a write: the record that ``find`` gives; None where there is none."""
        how = self._api["write"][operation].get("find")
        if how is None:
            return None
        found = at(self._ask(how["request"], values), how.get("records", ""))
        records = found if isinstance(found, list) else [found] if found else []
        wanted = {name: filled(value, values) for name, value in how.get("where", {}).items()}
        return next((each for each in records if all(_same(at(each, k), v) for k, v in wanted.items())), None)

    def write(self, operation: str, values: Mapping[str, Any]) -> Any:
        """The answer to the requests of a write, in their order; what one gives the next may name.

        Raises RemoteError with the ERP's words where it refuses, perhaps_processed where nobody can know.
        """
        known, answer = dict(values), None
        for step in self._api["write"][operation]["steps"]:
            answer = self._ask(step["request"], known)
            for name, path in step.get("give", {}).items():
                known[name] = at(answer, path)
                if known[name] is None:
                    raise RemoteError(f"{self.name}: {operation}: the answer has no '{path}'", perhaps_processed=True)
        return answer

    def _ask(self, request: Mapping[str, Any], values: Mapping[str, Any], *, path: str | None = None) -> Any:
        known = {**self._settings, **self._session.values(), **values}
        asked: dict[str, Any] = {
            name: worded(filled(request[name], known), self._dialect)
            for name in ("json", "query", "headers")
            if request.get(name)
        }
        try:
            reply = self._http.call(
                str(request.get("method", "GET")),
                path or filled_path(str(request["path"]), known),
                **({"headers": asked.get("headers")} if path else asked),
                repeatable=request.get("repeatable"),
            )
        except RemoteError as exc:
            raise _told(exc, self._api.get("errors", {})) from exc.__cause__
        answer = reply.json()
        _refuse_errors(answer, self._api.get("errors", {}), self.name)
        return plain(answer, self._dialect)

    def _auth(self) -> Auth:
        auth = {name: filled(value, self._settings) for name, value in self._api["auth"].items()}
        if auth["kind"] == "basic":
            return Basic(auth["user"], auth["password"])
        return client_credentials(
            self._plain,
            auth["token_url"],
            client_id=auth["client_id"],
            client_secret=auth["client_secret"],
            scope=auth.get("scope", ""),
        )


class ApiSource:
    """The records of an ERP as one JSON document, so that a mapping of JSON reads them.

    key: the path of a record's id; with it and a cursor only what changed is fetched and laid into the mirror.
    """

    def __init__(self, name: str, api: ErpApi, *, mirror: Mirror | None = None) -> None:
        self.name = name
        self.api, self.mirror = api, mirror

    def documents(self) -> Iterator[Document | Exception]:
        """One document with all records there are. Raises SourceError in one line where the ERP cannot be asked."""
        try:
            if self.mirror is None:
                records = list(self.api.read())
            else:
                self.mirror.lay(self.api.read(self.mirror.since))
                records = self.mirror.records
        except RemoteError as exc:
            raise SourceError(str(exc)) from exc
        content = encoded(records)
        yield Document(f"{self.name}.json", content, "application/json", hashlib.sha256(content).hexdigest())


class _Session:
    """What signing in gave: values for requests, and headers with which each request is sent."""

    def __init__(self, http: Http, api: Mapping[str, Any], settings: Mapping[str, str]) -> None:
        self._http, self._api, self._settings = http, api, settings
        self._given: dict[str, Any] | None = None if api.get("login") else {}

    def values(self) -> Mapping[str, Any]:
        if self._given is None:
            self._given = self._sign_in()
        return self._given

    def apply(self, request: Request) -> None:
        known = {**self._settings, **self.values()}
        for name, value in self._api.get("headers", {}).items():
            request.headers[name] = str(filled(value, known))

    def renew(self) -> bool:
        if not self._api.get("login"):
            return False
        self._given = self._sign_in()
        return True

    def _sign_in(self) -> dict[str, Any]:
        known: dict[str, Any] = dict(self._settings)
        given: dict[str, Any] = {}
        for step in self._api["login"]:
            request = step["request"]
            headers = {} if not given else {n: str(filled(v, known)) for n, v in self._api.get("headers", {}).items()}
            answer = self._http.call(
                str(request.get("method", "POST")),
                filled_path(str(request["path"]), known),
                json=filled(request.get("json"), known),
                headers=headers,
                repeatable=True,
            ).json()
            _refuse_errors(answer, self._api.get("errors", {}), self._http.name)
            for name, path in step.get("give", {}).items():
                given[name] = known[name] = at(answer, path)
                if not given[name]:
                    raise RemoteError(f"{self._http.name}: signing in was refused", status=401)
        return given


# --- the ERP's words ---


def _same(found: Any, wanted: Any) -> bool:
    return found == wanted or str(found) == str(wanted)


def _refuse_errors(answer: Any, errors: Mapping[str, Any], name: str) -> None:
    """Raises RemoteError where an answer of status 200 tells of an error, as JSON-RPC does."""
    path = errors.get("path")
    if path and (found := at(answer, path)):
        raise RemoteError(f"{name}: {_words(found, answer, errors)}", status=200)


def _told(error: RemoteError, errors: Mapping[str, Any]) -> RemoteError:
    """The error with the ERP's own words, where its body has them."""
    try:
        answer = decoded(error.content or b"")
    except ValueError:
        return error
    words = next((said for path in errors.get("words", ()) if isinstance(said := at(answer, path), str) and said), "")
    if not words:
        return error
    said = re.sub(r"\s+", " ", words).strip()[:300]
    return RemoteError(
        f"{error}: {said}", status=error.status, content=error.content, perhaps_processed=error.perhaps_processed
    )


def _words(found: Any, answer: Any, errors: Mapping[str, Any]) -> str:
    for path in errors.get("words", ()):
        if isinstance(said := at(answer, path), str) and said:
            return re.sub(r"\s+", " ", said).strip()[:300]
    return str(found)[:300]
