"""Killed at any moment, the next run is right: no half-sealed run is listed, no case opens twice, no number is lost."""

import pytest

STEPS = [
    "intake.take_in",
    "carry.carry_in",
    "check.check",
    "intake.closer_lines",
    "reconcile.reconcile",
    "platform.compare",
    "corners.follow",
    "queue.settle",
    "totals.close",
    "carry.carry_out",
    "seal.digests",
    "seal.file_sha256",
    "seal.seal",
    "_journal",
    "queue.commit",
    "register.register_run",
]


def stopping(step, how, *, after):
    """Code that stops the process at a step of the conductor, before it or after it."""
    owner, _, name = step.rpartition(".")
    target = f"conductor.{owner}" if owner else "conductor"
    stop = {"kill": "os.kill(os.getpid(), 9)", "ctrl-c": "signal.raise_signal(signal.SIGINT)"}[how]
    body = (
        f"    result = real(*a, **k)\n    {stop}\n    return result"
        if after
        else f"    {stop}\n    return real(*a, **k)"
    )
    return (
        f"import os, signal\nfrom tieout import run as conductor\nreal = {target}.{name}\n"
        f"def stopped(*a, **k):\n{body}\n{target}.{name} = stopped"
    )


def outcome(place):
    run = place.latest()
    cases = place.tieout("cases", "list", ".", "--format", "csv").out
    return {e["table"]: e["sha256"] for e in run.manifest["tables"]}, sorted(cases.splitlines())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    from tests.journeys.conftest import Place

    place = Place(tmp_path_factory.mktemp("undisturbed"))
    assert place.run().status == 0
    return outcome(place)


# Dying after a step is dying before the next one, but for the last.
@pytest.mark.slow
@pytest.mark.parametrize(("step", "after"), [*((step, False) for step in STEPS), (STEPS[-1], True)])
def test_killed_at_a_step_the_next_run_is_as_if_nothing_had_been(place, undisturbed, step, after):
    killed = place.apart("run", ".", code=stopping(step, "kill", after=after))
    assert killed.status == -9, killed.text
    for name in place.sealed():
        assert (place.folder / "runs" / name / "manifest.json").is_file(), "what is listed is whole"
    result = place.run()
    assert result.status == 0, result.text
    assert not list((place.folder / "runs").glob(".*.partial"))
    tables, cases = outcome(place)
    assert tables == undisturbed[0]
    assert [line.split(",")[0] for line in cases] == [line.split(",")[0] for line in undisturbed[1]]
    verified = place.tieout("verify", str(place.latest().folder))
    assert verified.status == 0, verified.text


@pytest.mark.slow
@pytest.mark.parametrize(
    "step", ["intake.take_in", "check.check", "reconcile.reconcile", "queue.settle", "totals.close", "seal.seal"]
)
def test_ctrl_c_is_one_line_and_leaves_nothing_half_done(place, step):
    stopped = place.apart("run", ".", code=stopping(step, "ctrl-c", after=False))
    assert stopped.status == 130 and "Traceback" not in stopped.text
    assert "nothing was sealed" in stopped.err and place.sealed() == []
    assert place.run().status == 0
