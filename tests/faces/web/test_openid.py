"""Signing in by an OpenID provider on loopback: the good way in, and every way that is none."""

import dataclasses
import datetime as dt
import shutil
import time
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey

from tests.faces.web.conftest import PASSWORD, open_bench
from tests.faces.web.provider import CLIENT, SECRET, provider
from tieout.cases.audit import faults
from tieout.faces.web.app import make_app
from tieout.faces.web.openid import COOKIE, Provider
from tieout.model.errors import SourceError
from tieout.store import people


@pytest.fixture(scope="module")
def listening():
    with provider() as made:
        yield made


@pytest.fixture
def idp(listening):
    """The provider, telling the truth again."""
    listening.claims = {"sub": "1", "email": "carl@firm.example", "email_verified": True}
    listening.lies, listening.metadata_lies, listening.sign_with, listening.alg = {}, {}, None, "RS256"
    listening.calls, listening.userinfo = [], None
    return listening


@pytest.fixture
def opened(template, tmp_path, idp, monkeypatch):
    """Opens the workbench with a provider; settings go into sign_in: openid:."""
    monkeypatch.setenv("OIDC_SECRET", SECRET)
    benches = []

    def made(local=True, **settings):
        folder = tmp_path / f"w{len(benches)}"
        shutil.copytree(template, folder)
        bench = open_bench(folder)
        given = {"issuer": idp.issuer, "client_id": CLIENT, "client_secret": "${OIDC_SECRET}", **settings}
        bench.desk.home = dataclasses.replace(bench.desk.home, sign_in={"local": local, "openid": given})
        bench.desk.openid = Provider(given, clock=lambda: bench.now[0])
        bench.app = make_app(bench.desk)
        benches.append(bench)
        return bench

    yield made
    for bench in benches:
        for client in bench.clients:
            client.close()
        bench.desk.close()


def sent_back(browser):
    """The address, on this server, to which the provider sends the browser back."""
    begun = browser.get("/sign-in/openid")
    assert begun.status_code == 302, begun.text
    there = httpx2.get(begun.headers["location"], trust_env=False)
    assert there.status_code == 302
    parts = urlsplit(there.headers["location"])
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "127.0.0.1:8765", "/sign-in/return")
    return f"{parts.path}?{parts.query}"


def tried(bench):
    """A browser that went to the provider and came back, and the answer it got."""
    browser = bench.visitor()
    return browser, browser.get(sent_back(browser))


def test_whom_the_provider_and_the_workspace_know_is_signed_in(opened, idp):
    bench = opened()
    people.add_user(bench.desk.journal, "carl@firm.example", "clerk", actor="ada")
    idp.claims["email"] = "Carl@Firm.example"
    browser, answer = tried(bench)
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("tieout_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    page = browser.get("/queue")
    assert page.status_code == 200
    assert "carl@firm.example" in page.text
    assert browser.get("/people").status_code == 403


def test_what_is_asked_of_the_provider_has_state_nonce_and_a_challenge(opened):
    browser = opened().visitor()
    asked = []
    for _ in range(2):
        begun = browser.get("/sign-in/openid")
        asked.append({name: value[0] for name, value in parse_qs(urlsplit(begun.headers["location"]).query).items()})
        cookie = begun.headers["set-cookie"]
        assert cookie.startswith(COOKIE)
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/sign-in" in cookie
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[0][name]) >= 20
        assert asked[0][name] != asked[1][name]
    assert asked[0]["code_challenge_method"] == "S256"
    assert SECRET not in str(asked)


@pytest.mark.parametrize(
    "lies",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another client"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": None},
        {"sub": None},
    ],
    ids=["issuer", "audience", "authorized party", "expired", "nonce", "no nonce", "no end", "no subject"],
)
def test_an_identity_that_does_not_hold_is_refused(opened, idp, lies):
    bench = opened()
    people.add_user(bench.desk.journal, "carl@firm.example", "clerk", actor="ada")
    idp.lies = lies
    browser, answer = tried(bench)
    assert answer.status_code == 403
    assert "You could not be signed in" in answer.text
    assert browser.get("/queue").status_code == 303


@pytest.mark.parametrize("how", ["another key", "shared secret", "none"])
def test_a_signature_that_is_not_the_providers_own_is_refused(opened, idp, how):
    bench = opened()
    people.add_user(bench.desk.journal, "carl@firm.example", "clerk", actor="ada")
    if how == "another key":
        idp.sign_with = RSAKey.generate_key(2048, parameters={"kid": "k1"})
    elif how == "shared secret":
        idp.sign_with, idp.alg = idp.shared_secret_key(), "HS256"
    else:
        idp.alg = "none"
    browser, answer = tried(bench)
    assert answer.status_code == 403
    assert browser.get("/queue").status_code == 303


def test_an_answer_is_taken_once_in_time_and_from_the_browser_that_asked(opened):
    bench = opened()
    people.add_user(bench.desk.journal, "carl@firm.example", "clerk", actor="ada")
    first = bench.visitor()
    back = sent_back(first)
    thief = bench.visitor()
    assert thief.get(back).status_code == 403
    own = bench.visitor()
    sent_back(own)
    assert own.get(back).status_code == 403  # the state of somebody else's sign-in
    assert first.get(back).status_code == 200
    assert first.get(back).status_code == 403
    kept = bench.visitor(cookies={COOKIE: first.cookies.get(COOKIE) or "x"})
    assert kept.get(back).status_code == 403
    late = bench.visitor()
    back = sent_back(late)
    bench.now[0] += dt.timedelta(minutes=11)
    assert late.get(back).status_code == 403


@pytest.mark.parametrize(
    "answer", ["error=access_denied", "state=x", "code=x", "", "code=x&state=y", "iss=https://e.example&code=x&state=y"]
)
def test_a_made_up_answer_is_refused(opened, answer):
    browser = opened().visitor()
    sent_back(browser)
    assert browser.get(f"/sign-in/return?{answer}").status_code == 403


def test_whom_the_workspace_does_not_know_or_has_disabled_stays_out(opened, idp):
    bench = opened()
    assert tried(bench)[1].status_code == 403
    people.add_user(bench.desk.journal, "carl@firm.example", "clerk", actor="ada")
    people.disable_user(bench.desk.journal, "carl@firm.example", actor="ada")
    browser, answer = tried(bench)
    assert answer.status_code == 403
    assert "carl@firm.example" in answer.text
    assert browser.get("/queue").status_code == 303


@pytest.mark.parametrize(
    "claims", [{"email_verified": False}, {"email_verified": None}, {"email": None}, {"email": ["ada"]}]
)
def test_a_mail_address_that_nobody_has_verified_is_no_name(opened, idp, claims):
    bench = opened()
    people.add_user(bench.desk.journal, "carl@firm.example", "clerk", actor="ada")
    idp.lies = claims
    assert tried(bench)[1].status_code == 403


def test_roles_of_the_provider_are_followed_and_stand_in_the_journal(opened, idp):
    bench = opened(
        name_claim="preferred_username", role_claim="realm_access.roles", roles={"ar": "clerk", "lead": "approver"}
    )
    idp.claims = {"sub": "7", "preferred_username": "zoe", "realm_access": {"roles": ["x", "lead", "ar"]}}
    assert tried(bench)[1].status_code == 200
    assert bench.desk.role("zoe") == "approver"
    idp.claims["realm_access"] = {"roles": ["ar"]}
    assert tried(bench)[1].status_code == 200
    assert bench.desk.role("zoe") == "clerk"
    with bench.desk.journal.reading() as session:
        told = [(event.kind, event.actor, event.reason) for event in session.events("user:zoe")]
    assert told == [
        ("user_added", "tieout", f"as {idp.issuer} says"),
        ("user_role_set", "tieout", f"as {idp.issuer} says"),
    ]
    assert list(faults(bench.desk.journal)) == []
    for nothing in ({"roles": []}, {"roles": ["x"]}, "ar", None):
        idp.claims["realm_access"] = nothing
        assert tried(bench)[1].status_code == 403
    people.disable_user(bench.desk.journal, "zoe", actor="ada")
    idp.claims["realm_access"] = {"roles": ["lead"]}
    assert tried(bench)[1].status_code == 403
    assert bench.desk.role("zoe") is None


def test_roles_that_the_token_lacks_are_asked_of_the_userinfo_endpoint_each_time(opened, idp):
    bench = opened(
        name_claim="preferred_username", role_claim="realm_access.roles", roles={"ar": "clerk", "all": "viewer"}
    )
    idp.claims = {"sub": "7", "preferred_username": "zoe"}
    idp.userinfo = {"sub": "7", "preferred_username": "ada", "realm_access": {"roles": ["ar"]}}
    assert tried(bench)[1].status_code == 200
    assert (bench.desk.role("zoe"), idp.calls.count("userinfo")) == ("clerk", 1)
    idp.userinfo["realm_access"] = {"roles": ["all"]}
    assert tried(bench)[1].status_code == 200
    assert bench.desk.role("zoe") == "viewer"
    idp.claims["realm_access"] = {"roles": []}  # what is signed holds, and nothing more is asked
    assert tried(bench)[1].status_code == 403
    assert idp.calls.count("userinfo") == 2


def test_an_address_that_the_token_lacks_is_asked_of_the_userinfo_endpoint(opened, idp):
    bench = opened()
    people.add_user(bench.desk.journal, "carl@firm.example", "clerk", actor="ada")
    idp.claims = {"sub": "1"}
    idp.userinfo = {"sub": "1", "email": "Carl@Firm.example", "email_verified": True}
    assert tried(bench)[1].status_code == 200
    idp.claims = {"sub": "1", "email": "carl@firm.example"}
    idp.userinfo = {"sub": "1", "email": "carl@firm.example", "email_verified": True}
    assert tried(bench)[1].status_code == 200


@pytest.mark.parametrize(
    ("said", "status"),
    [({"sub": "2"}, 403), ({"sub": None}, 403), ({}, 403), ({"email": "mine@firm.example"}, 403), (None, 503)],
    ids=["of another person", "of nobody", "not verified", "verified is another address", "no answer"],
)
def test_userinfo_that_does_not_fit_the_token_is_no_way_in(opened, idp, said, status):
    bench = opened()
    people.add_user(bench.desk.journal, "carl@firm.example", "clerk", actor="ada")
    idp.claims = {"sub": "1", "email": "carl@firm.example"}
    told = {"sub": "1", "email": "carl@firm.example", "email_verified": bool(said)}
    idp.userinfo = "away" if said is None else told | said
    assert tried(bench)[1].status_code == status


@pytest.mark.parametrize("name", ["tieout", "a b", "x" * 101, "\u202eadmin"])
def test_a_name_that_is_none_makes_no_person(opened, idp, name):
    bench = opened(name_claim="preferred_username", role_claim="groups", roles={"all": "viewer"})
    idp.claims = {"sub": "7", "preferred_username": name, "groups": ["all"]}
    assert tried(bench)[1].status_code in (403, 503)
    assert name not in {each["name"] for each in people.users(bench.desk.journal)}


def test_where_passwords_are_off_none_is_taken(opened):
    bench = opened(local=False)
    browser = bench.visitor()
    page = browser.get("/sign-in")
    assert 'type="password"' not in page.text
    assert "/sign-in/openid" in page.text
    assert browser.post("/sign-in", data={"user": "carl", "password": PASSWORD}).status_code == 403
    assert browser.post("/api/v1/session", json={"user": "carl", "password": PASSWORD}).status_code == 403
    assert 'type="password"' not in bench.page("ada").get("/people").text


def test_both_ways_in_stand_side_by_side(opened):
    bench = opened(label="Firm account")
    page = bench.visitor().get("/sign-in")
    assert "Sign in with Firm account" in page.text
    assert bench.visitor().post("/sign-in", data={"user": "carl", "password": PASSWORD}).status_code == 303


@pytest.mark.parametrize(
    "said",
    [{"issuer": "https://elsewhere.example"}, {"id_token_signing_alg_values_supported": ["HS256", "none"]}],
    ids=["another issuer", "no signature of its own"],
)
def test_a_provider_that_is_another_one_is_not_gone_to(opened, idp, said):
    idp.metadata_lies = said
    bench = opened()
    browser = bench.visitor()
    assert browser.get("/sign-in/openid").status_code == 503
    idp.metadata_lies = {}
    assert browser.get("/sign-in/openid").status_code == 302


def test_a_provider_that_is_away_costs_one_line(opened):
    answer = opened(issuer="http://127.0.0.1:9").visitor().get("/sign-in/openid")
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_a_secret_that_is_not_set_is_named_before_anything_is_served(opened, monkeypatch):
    monkeypatch.delenv("OIDC_SECRET")
    with pytest.raises(SourceError, match="OIDC_SECRET is not set"):
        opened()
