"""The API asked by a machine that reads its description and means no good: nothing breaks, nobody gets beyond the role."""

import itertools

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
# What a viewer may do beside reading: go.
OPEN_TO_ALL = {("POST", "/api/v1/session"), ("DELETE", "/api/v1/session")}


def operations(bench):
    schema = schemathesis.openapi.from_dict(bench.visitor().get("/api/v1/openapi.json").json())
    for found in schema.get_all_operations():
        yield found.ok()


def ask(client, case):
    """The answer to a generated request."""
    wanted = case.as_transport_kwargs(base_url="http://127.0.0.1:8765")
    names = ("method", "url", "params", "json", "content", "headers", "data")
    given_ = {name: wanted[name] for name in names if wanted.get(name) is not None}
    headers = {k: v for k, v in dict(given_.pop("headers", {})).items() if k.lower() not in ("authorization", "cookie")}
    data = given_.pop("data", None)
    if isinstance(data, bytes | str):
        given_["content"] = data
    return client.request(**given_, headers=headers)


@pytest.mark.parametrize("name", ["vera", "carl", None])
def test_no_request_breaks_the_server_or_goes_beyond_the_role(bench, name):
    client = bench.api(name) if name else bench.visitor()
    seen = itertools.count()
    before = bench.api("ada").get("/api/v1/cases?state=all&limit=500").json()
    for operation in operations(bench):
        if (operation.method.upper(), operation.path) not in OPEN_TO_ALL:
            every_request(client, operation, name, seen)
    assert next(seen) > 100
    if name != "carl":
        after = bench.api("ada").get("/api/v1/cases?state=all&limit=500").json()
        assert after == before


def every_request(client, operation, name, seen):
    changes = operation.method.upper() in CHANGES

    @settings(
        max_examples=8, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def asked(case):
        next(seen)
        answer = ask(client, case)
        told = f"{operation.method} {operation.path}: {answer.status_code} {answer.text[:200]}"
        assert answer.status_code < 500, told
        if name is None:
            assert answer.status_code in (401, 404, 405, 413, 421, 422), told
        elif (name == "vera" and changes) or operation.path.startswith("/api/v1/users"):
            assert answer.status_code in (403, 404, 405, 422), told

    asked()
