"""The public names, the wheel, and that the shipped definitions are inside it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tieout

ROOT = Path(__file__).parents[1]


def test_the_public_names_are_these_and_all_of_them_are_there():
    assert tieout.__all__ == ["Book", "DefinitionError", "Run", "TieoutError", "__version__", "open", "validate"]
    for name in tieout.__all__:
        assert getattr(tieout, name) is not None
    with pytest.raises(AttributeError):
        getattr(tieout, "nothing_of_the_kind")  # noqa: B009


def test_importing_the_package_opens_no_room():
    code = "import sys, tieout; print(sorted(m for m in sys.modules if m.startswith(('tieout.', 'polars', 'duckdb'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_wheel_carries_rules_and_mappings_and_finds_them(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    wheel = next(tmp_path.glob("tieout-*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("rules", "mappings"):
        shipped = {p.relative_to(ROOT).as_posix() for p in (ROOT / folder).rglob("*") if p.is_file()}
        assert {f"tieout/library/{name}" for name in shipped} <= set(names)
    assert "tieout/py.typed" in names and "tieout/faces/starter/tieout.yaml" in names

    # Installed without the checkout: unpacked beside nothing, the catalogue is found inside the package.
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import tieout.library.catalog as c; "
        f"assert str(c.shipped('rules')).startswith({str(site)!r}), c.shipped('rules'); "
        "print(sorted(c.Catalogue.load(None).rule_sets))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(site), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "en16931" in done.stdout


def test_validate_is_a_function_also_after_everything_was_imported(tmp_path):
    import tieout.faces.cli

    (tmp_path / "x.xml").write_text("<a/>")
    assert tieout.validate(tmp_path / "x.xml")["rule"].to_list()[0].startswith("IN-")


def test_the_list_of_commands_says_what_each_says_of_itself():
    from tieout.faces.cli import COMMANDS, command

    for name, (_, _, summary) in COMMANDS.items():
        assert command(name).help.partition("\n")[0].strip() == summary


def test_the_help_opens_no_room_of_the_engine():
    code = (
        "import sys; from tieout.faces import cli; print([m for m in ('duckdb', 'polars', 'lxml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
