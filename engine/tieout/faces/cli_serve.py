"""``tieout serve``: the workbench and the REST API, on loopback unless told otherwise."""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tieout import run as conductor
from tieout.model.errors import DefinitionError, SourceError, TieoutError
from tieout.workspace import Home, open_home, open_workspace

if TYPE_CHECKING:
    from tieout.faces.web.desk import Desk

__all__ = ["serve"]


def serve(
    workspace: Annotated[Path, typer.Argument(help="The folder with tieout.yaml.")] = Path(),
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8765,
    host_name: Annotated[
        list[str] | None, typer.Option(help="A name under which browsers reach it; repeatable.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option("--tls-cert", help="The TLS certificate, PEM.")] = None,
    key: Annotated[Path | None, typer.Option("--tls-key", help="Its private key, PEM.")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy on this machine ends TLS before it.")
    ] = False,
) -> None:
    """Open the workbench: the queue, runs and rules in a browser, and the REST API under it."""
    try:
        import uvicorn

        from tieout.faces.web.app import make_app
        from tieout.faces.web.desk import Desk
    except ImportError as exc:
        raise SourceError(
            f"the workbench needs the extra 'web' (pip install 'tieout[web]'): {exc.name} is not there; "
            "'tieout cases' works without"
        ) from exc
    secure = certificate is not None or behind_proxy
    if not _is_loopback(host) and not secure:
        raise TieoutError(
            f"--host {host}: other machines reach it there; give --tls-cert and --tls-key, or --behind-proxy where a "
            "proxy on this machine ends TLS"
        )
    for file in (certificate, key):
        if file is not None and not file.is_file():
            raise SourceError(f"{file}: there is no such file")
    if (certificate is None) != (key is None):
        raise TieoutError("--tls-cert and --tls-key go together")
    home = open_home(workspace)
    _is_free(host, port)
    callbacks = _callbacks(workspace, home)
    provider = _provider(home)
    names = {"127.0.0.1", "localhost", "::1", *(name.lower() for name in host_name or ())}
    names |= {host.lower()} if not _is_any(host) else set()
    shown = host if not _is_any(host) else (host_name or ["localhost"])[0]
    address = f"{'https' if secure else 'http'}://{f'[{shown}]' if ':' in shown else shown}"
    address += "" if behind_proxy and host_name else f":{port}"
    desk = Desk(home, conductor.open_journal(home), secure=secure, openid=provider)
    with contextlib.closing(desk):
        if not desk.has_users() and desk.takes_passwords:
            desk.setup_token = secrets.token_urlsafe(24)
        _greet(desk, address, workspace)
        uvicorn.run(
            make_app(desk, hosts=names, callbacks=callbacks),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=behind_proxy,
            forwarded_allow_ips="127.0.0.1",
            ssl_certfile=certificate,
            ssl_keyfile=key,
            timeout_graceful_shutdown=5,
        )


def _greet(desk: Desk, address: str, workspace: Path) -> None:
    """Says where the workbench is, and what is still to be done before it is of use."""
    lines = [f"tieout: {desk.home.entity['name']} at {address}  (Ctrl-C stops it)"]
    if desk.setup_token:
        lines += [
            "nobody may sign in yet; make the first administrator here, once:",
            f"  {address}/set-up?token={desk.setup_token}",
        ]
    elif not desk.has_users() and "role_claim" not in desk.home.sign_in.get("openid", {}):
        lines.append("nobody may sign in yet; 'tieout users add NAME --role admin' makes the first administrator")
    if not desk.runs():
        lines.append(f"there is no run yet: 'tieout run {workspace}' fills the queue")
    print("\n".join(lines), flush=True)


def _provider(home: Home) -> Any:
    """The OpenID provider that tieout.yaml names; None where it names none."""
    settings = home.sign_in.get("openid")
    if settings is None:
        return None
    try:
        from tieout.faces.web.openid import Provider
    except ImportError as exc:
        raise SourceError(
            f"sign_in: needs the extra 'web' (pip install 'tieout[web]'): {exc.name} is not there"
        ) from exc
    return Provider(settings)


def _callbacks(workspace: Path, home: Home) -> Any:
    """What takes the messages of platforms; None where there are none, or where a definition file is broken."""
    from tieout.faces.callbacks import router

    try:
        opened = open_workspace(workspace)
    except DefinitionError as exc:
        print(f"messages of platforms are not taken until this is put right:\n{exc}", flush=True)
        return None
    return router(opened, lambda: conductor.open_journal(home)) if opened.platforms else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_any(host: str) -> bool:
    return host in ("0.0.0.0", "::", "")  # noqa: S104 - recognised, not bound


def _is_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as exc:
        raise SourceError(f"{host}:{port} cannot be used: {exc.strerror or exc}; choose another --port") from exc
