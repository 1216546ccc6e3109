"""What all tests share: the folder of real and labelled data, skipped with a reason where it is absent."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No test asserts a time, not even by hypothesis' own deadline: the machine may be busy.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with conformance cases, demo data and samples."""
    named = os.environ.get("TIEOUT_SHARED")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared"
    if not (folder / "demo").is_dir():
        pytest.skip(f"the shared test data is not there ({folder}); set TIEOUT_SHARED to the folder that holds it")
    return folder


def pytest_terminal_summary(terminalreporter):
    """What journeys say of themselves: seconds a step. Never asserted."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
