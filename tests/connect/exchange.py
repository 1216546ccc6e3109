"""What the platform tests share: a platform of a shipped profile connected to the test platform on loopback."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from functools import cache

from tieout.connect.http import Policy
from tieout.connect.platform import HttpPlatform
from tieout.faces.simulator.desk import Desk
from tieout.faces.simulator.server import served
from tieout.library import yamlfile
from tieout.library.catalog import shipped
from tieout.library.platforms import parse_platform
from tieout.model.platforms import Parcel

PATHS = {"peppol_ap": "peppol", "ksef": "ksef", "nuonuo": "nuonuo", "myinvois": "myinvois"}
SETTINGS = {
    "peppol_ap": {"client_id": "me", "client_secret": "rehearsal", "webhook_secret": "rehearsal"},
    "myinvois": {"client_id": "me", "client_secret": "rehearsal"},
    "ksef": {"nip": "1111111111", "ksef_token": "rehearsal"},
    "nuonuo": {
        "app_key": "key",
        "app_secret": "rehearsal",
        "access_token": "tok",
        "clerk": "王五",
        "sender": "0" * 32,
    },
}
ACCESS_POINT = """
platforms:
  access_point:
    profile: peppol_ap
    base_url: {base}/peppol
    settings: {{client_id: me, client_secret: "${{SIM_SECRET}}", webhook_secret: "${{SIM_SECRET}}"}}
"""
"""The lines of a tieout.yaml that name the test platform at ``base``; SIM_SECRET is in the environment."""
QUICK = Policy(attempts=3, wait_s=0.01, longest_wait_s=0.02, read_s=10, breaker_failures=1000)
NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def wrong(documents):
    """A verdict for tests: a document that says so is refused."""
    return {key: "BR-CO-15: totals do not agree" for key, content in documents.items() if b"WRONG" in content}


@cache
def shipped_plan(profile):
    """One shipped platform file, without the whole catalogue."""
    plan, mistakes = parse_platform(yamlfile.load(shipped("mappings") / "platforms" / f"{profile}.yaml"))
    assert not mistakes
    return plan


@contextlib.contextmanager
def platform(profile, desk=None, *, base=None, **options):
    """The platform of a shipped profile, at a test platform of its own or at ``base``."""
    plan = shipped_plan(profile)
    with contextlib.ExitStack() as stack:
        base = base or stack.enter_context(served(desk or Desk(wrong)))
        made = HttpPlatform(
            profile,
            plan,
            base_url=f"{base}/{PATHS[profile]}",
            settings=SETTINGS[profile],
            **{"policy": QUICK, **options},
        )
        stack.callback(made.close)
        yield made


def parcel(number="A-1", content=None, **more):
    content = content or f"<Invoice><ID>{number}</ID></Invoice>".encode()
    rows = {
        "invoice": [
            {
                "buyer_name": "买方有限公司",
                "buyer_vat_identifier": "91350100M000100Y43",
                "seller_vat_identifier": "91310000MA1FL0LL0T",
                "issue_date": dt.date(2026, 11, 1),
                "invoice_type_code": "380",
                "seller_electronic_address": "0088:1",
                "buyer_electronic_address": "0088:2",
            }
        ],
        "invoice_line": [{"item_name": "服务", "invoice_line_net_amount": "100.00", "invoiced_item_vat_rate": "13"}],
    }
    known = {
        "transmission_id": f"TX-{number}",
        "document_id": number,
        "invoice_number": number,
        "content": content,
        "media_type": "application/xml",
        "sha256": hashlib.sha256(content).hexdigest(),
        "idempotency_key": hashlib.sha256(number.encode()).hexdigest()[:32],
        "rows": rows,
    }
    return Parcel(**{**known, **more})
