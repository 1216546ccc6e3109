"""The floors of the house (docs/decisions/0001): imports go down or stay in their room; a third party has one door."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "engine" / "tieout"

# Which rooms a room may import, besides itself and model.
MAY_IMPORT = {
    "model": set(),
    "formats": set(),
    "library": set(),
    "store": set(),
    "connect": set(),
    "mapping": {"formats"},
    "intake": {"mapping", "formats", "store"},
    "validation": {"store"},
    "matching": {"store"},
    "cases": {"store"},
    "issuing": {"store", "mapping"},
    "closing": {"store"},
    "workspace": {"library", "store", "connect"},
    "run": {
        "intake",
        "validation",
        "matching",
        "cases",
        "issuing",
        "closing",
        "workspace",
        "store",
        "library",
        "mapping",
        "formats",
        "connect",
    },
    # A face asks the conductor, reads what is sealed, and offers the two rooms people work in; it never runs a stage.
    "faces": {"run", "workspace", "store", "library", "validation", "cases"},
}

# Where a third party may be imported.
DOORS = {
    "duckdb": {"store/engine.py"},
    "lxml": {"formats/xml.py"},
    "rapidfuzz": {"matching/score.py"},
    "durable": {"cases/rulehost.py"},
    "jsonschema": {"library/yamlfile.py", "formats/json_document.py"},
    "yaml": {"library/yamlfile.py"},
    "sqlglot": {
        "library/equivalent.py",
        "library/expression.py",
        "library/variants.py",
        "library/wording.py",
        "validation/compile.py",
        "validation/writer.py",
    },
    "sqlalchemy": {
        "store/connection.py",
        "store/journal.py",
        "store/migrations/versions/v0001.py",
        "store/migrations/versions/v0002.py",
        "store/migrations/versions/v0003.py",
        "store/pages.py",
        "store/people.py",
        "store/schema.py",
        "store/session.py",
        "store/tables.py",
    },
    "alembic": {
        "store/migrations/versions/v0001.py",
        "store/migrations/versions/v0002.py",
        "store/migrations/versions/v0003.py",
        "store/migrations/versions/v0004.py",
        "store/schema.py",
    },
    "argon2": {"store/people.py"},
    "stdnum": {"validation/identifiers.py", "matching/references.py"},
    "mt940": {"formats/mt940.py"},
    "pypdf": {"formats/pdf.py", "formats/facturx.py"},
    "facturx": {"formats/facturx.py"},
    "reportlab": {"formats/facturx.py"},
    "saxonche": {"formats/official.py"},
    "ofxparse": {"formats/ofx.py"},
    "matplotlib": {"faces/plots.py"},
    "xlsxwriter": {"faces/workbook.py"},
    "httpx": {"connect/http.py"},
    "tenacity": {"connect/http.py"},
    "circuitbreaker": {"connect/http.py"},
    "authlib": {"connect/http_auth.py", "faces/simulator/oauth.py", "faces/web/openid.py"},
    "joserfc": {"faces/web/openid.py"},
    "cryptography": {"connect/platform_functions.py", "faces/simulator/ksef.py"},
    "jmespath": {"connect/template.py", "connect/platform_functions.py", "library/platforms.py"},
    "uvicorn": {"faces/cli_serve.py", "faces/simulator/server.py"},
    "pydantic": {"faces/web/acts.py", "faces/web/api.py", "faces/web/pages_case.py"},
}

# Rooms that are one file or a few at the top of the package: the file's stem names the room it counts as.
TOP = {
    "__init__": "faces",
    "__main__": "faces",
    "intake": "intake",
    "workspace": "workspace",
    "run": "run",
    "examine": "run",
    "second_opinion": "run",
    "convert": "run",
    "crew": "run",
    "verify": "run",
    "revision": "workspace",
    "replay": "run",
    "difference": "run",
    "tuning": "run",
    "forecast": "run",
    "exchange": "run",
    "tracing": "run",
    "posting": "run",
    "keeping": "run",
}


def _room(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0] if len(relative.parts) > 1 else TOP[relative.stem]


def _imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            if node.module == "tieout":
                yield from ((node.lineno, f"tieout.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module or ""


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_and_third_parties_use_their_door(path):
    room = _room(path)
    offences = []
    for line, name in _imports(path):
        head, _, rest = name.partition(".")
        if head == "tieout" and rest:
            stem = rest.split(".")[0]
            target = stem if (ROOT / stem).is_dir() else TOP.get(stem, stem)
            if stem.startswith("__") or target in {room, "model"}:
                continue
            if target not in MAY_IMPORT[room]:
                offences.append(f"{path}:{line} {room} may not import {target}")
        elif head in DOORS and str(path.relative_to(ROOT)) not in DOORS[head]:
            offences.append(f"{path}:{line} {head} comes in by {sorted(DOORS[head])} only")
    assert not offences, "\n".join(offences)


def test_no_room_without_a_name():
    rooms = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith("__")}
    assert rooms <= set(MAY_IMPORT)
    assert not rooms & {"core", "common", "utils", "helpers", "misc"}
