"""What every page shares: the templates, the words of the reader's language, who is signed in, and the notes to show once."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import tieout
from tieout.faces.web.desk import Desk, Who
from tieout.faces.web.words import Words, language

__all__ = ["back", "lang_of", "note", "render", "render_error", "words_of"]

_PAGES = Environment(
    loader=PackageLoader("tieout.faces.web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters["query"] = lambda pairs: urlencode(pairs, doseq=True)
LANG = "tieout_lang"


def lang_of(request: Request) -> str:
    return language(request.headers.get("accept-language", ""), request.cookies.get(LANG))


def words_of(request: Request) -> Words:
    """The words of the reader's language, with the reasons of the workspace's routing."""
    desk: Desk = request.app.state.desk
    return Words(lang_of(request), desk.reasons())


def render(
    request: Request, template: str, *, status: int = 200, who: Who | None = None, **values: Any
) -> HTMLResponse:
    """The page in the reader's language."""
    desk: Desk = request.app.state.desk
    words = words_of(request)
    shared = {
        "w": words,
        "t": words.t,
        "lang": words.lang,
        "who": who,
        "csrf": who.session.csrf if who else "",
        "notes": who.session.take_notes() if who else [],
        "entity": desk.home.entity["name"],
        "desk": desk,
        "here": request.url.path,
        "address": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "version": tieout.__version__,
    }
    return HTMLResponse(_PAGES.get_template(template).render(**shared, **values), status_code=status)


def render_error(request: Request, status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    """A page that says what went wrong and where to go on."""
    page = render(request, "error.html", status=status, who=getattr(request.state, "who", None), code=status, text=text)
    page.headers.update(headers or {})
    return page


def note(who: Who, text: str, *, good: bool = True) -> None:
    """A sentence for the next page."""
    who.session.notes.append(("good" if good else "bad", text))


def back(to: str) -> RedirectResponse:
    """To another page of ours after a form; an address of elsewhere leads to the start page."""
    safe = to if to.startswith("/") and not to.startswith(("//", "/\\")) and not any(c in to for c in "\r\n") else "/"
    return RedirectResponse(safe, 303)
