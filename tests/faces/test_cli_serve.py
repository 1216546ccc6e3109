"""``tieout serve``: where it listens, and what it says before it does."""

import socket

import pytest

from tests.faces.web.conftest import write_workspace
from tieout.faces import cli_serve
from tieout.model.errors import DefinitionError, SourceError, TieoutError
from tieout.workspace import open_home


@pytest.fixture
def workspace(tmp_path):
    write_workspace(tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture
def started(monkeypatch):
    """What uvicorn would have been started with."""
    calls = []
    monkeypatch.setattr("uvicorn.run", lambda app, **options: calls.append({"app": app, **options}))
    return calls


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_other_machines_are_served_by_tls_or_a_proxy_only(workspace, started, host):
    with pytest.raises(TieoutError, match="--tls-cert"):
        cli_serve.serve(workspace, host=host, port=8765)
    assert started == []


def test_a_fresh_workspace_prints_the_link_for_the_first_administrator(workspace, started, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    cli_serve.serve(workspace, port=port)
    told = capsys.readouterr().out
    token = told.partition("/set-up?token=")[2].split()[0]
    assert len(token) >= 24
    assert f"there is no run yet: 'tieout run {workspace}'" in told
    [call] = started
    assert (call["host"], call["port"], call["access_log"], call["proxy_headers"]) == ("127.0.0.1", port, False, False)
    assert call["app"].state.desk.setup_token == token


def test_behind_a_proxy_cookies_are_for_https(workspace, started):
    cli_serve.serve(workspace, port=8766, behind_proxy=True, host_name=["tieout.example.org"])
    [call] = started
    assert call["app"].state.desk.secure
    assert call["proxy_headers"]


def test_a_port_that_is_taken_is_named(workspace, started):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SourceError, match="choose another --port"):
        cli_serve.serve(workspace, port=taken.getsockname()[1])
    assert started == []


def test_certificate_and_key_go_together(workspace, started, tmp_path):
    with pytest.raises(SourceError, match="there is no such file"):
        cli_serve.serve(workspace, certificate=tmp_path / "nope.pem")
    (tmp_path / "c.pem").write_text("x", "utf-8")
    with pytest.raises(TieoutError, match="go together"):
        cli_serve.serve(workspace, certificate=tmp_path / "c.pem")


@pytest.mark.parametrize(
    ("sign_in", "told"),
    [
        ("{local: false}", "nobody could sign in"),
        (
            "{openid: {issuer: 'https://i.example', client_id: c, role_claim: groups}}",
            "role_claim and roles go together",
        ),
        ("{openid: {issuer: 'http://i.example', client_id: c}}", "https"),
        ("{openid: {issuer: 'https://i.example', client_id: c, client_secret: abc}}", "never the secret itself"),
        (
            "{openid: {issuer: 'https://i.example', client_id: c, roles: {a: boss}, role_claim: g}}",
            "must be one of viewer",
        ),
    ],
)
def test_a_sign_in_that_cannot_be_is_told_with_its_place(tmp_path, sign_in, told):
    text = f"entity: {{name: A}}\nsources: {{bank: {{path: b.csv}}}}\nsign_in: {sign_in}\n"
    (tmp_path / "tieout.yaml").write_text(text, "utf-8")
    with pytest.raises(DefinitionError) as caught:
        open_home(tmp_path)
    assert any(told in str(each) and "tieout.yaml:3" in str(each) for each in caught.value.mistakes), str(caught.value)
