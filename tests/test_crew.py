"""Parts dealt out to several processes: every part once, in order, whatever becomes of the processes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tieout.crew import Crew
from tieout.model.errors import TieoutError


def make(behaviour, first):
    """Work that is slow, fails or dies as told; first: the number of the process that deals out."""

    def work(part):
        here = os.getpid() == first
        if behaviour == "dies" and not here:
            os.kill(os.getpid(), signal.SIGKILL)
        if behaviour == "fails" and part == 5:
            raise TieoutError("five is not allowed")
        if here:
            time.sleep(0.02)
        return part * 10, here

    return work


def crew(behaviour):
    made = Crew(make, (behaviour, os.getpid()), others=2)

    def parts(count):
        made.start()
        yield from range(count)

    return made, parts


def test_answers_come_in_order_and_others_take_part():
    made, parts = crew("works")
    told = []
    for answer in made.answers(parts(300)):
        told.append(answer)
        time.sleep(0.01)
    assert [answer for answer, _ in told] == [10 * n for n in range(300)]
    assert {here for _, here in told} == {True, False}


def test_what_a_killed_process_had_in_hand_is_done_all_the_same():
    made, parts = crew("dies")
    assert [answer for answer, _ in made.answers(parts(80))] == [10 * n for n in range(80)]


def test_an_error_comes_in_its_place_and_ends_the_others():
    made, parts = crew("fails")
    told = []
    with pytest.raises(TieoutError, match="five is not allowed"):
        told.extend(answer for answer, _ in made.answers(parts(80)))
    assert all(not process.is_alive() for process in made._processes)


def test_parts_that_cannot_be_made_are_an_error_too():
    made, parts = crew("works")

    def broken():
        yield from parts(40)
        raise TieoutError("no more parts")

    told = []
    with pytest.raises(TieoutError, match="no more parts"):
        for answer, _ in made.answers(broken()):
            told.append(answer)
    assert told == [10 * n for n in range(len(told))]


def late(first, sign):
    """Work that takes its time elsewhere; the sign is a file that tells that another process is ready."""
    here = os.getpid() == first
    if not here:
        sign.touch()
    return lambda part: (time.sleep(0 if here else 0.5), part)[1]


def test_others_may_be_the_last_to_answer(tmp_path):
    made = Crew(late, (os.getpid(), tmp_path / "ready"), others=1)

    def parts():
        made.start()
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        yield from range(2)

    assert list(made.answers(parts())) == [0, 1]


def test_others_may_be_started_before_there_are_parts():
    made = Crew(make, ("works", os.getpid()), others=1)
    made.start()
    time.sleep(0.1)
    told = list(made.answers(range(200)))
    assert [answer for answer, _ in told] == [10 * n for n in range(200)]
    assert {here for _, here in told} == {True, False}


INTERRUPTED = """
import os, sys
from tests.test_crew import make
from tieout.crew import Crew
if __name__ == "__main__":
    made = Crew(make, ("works", os.getpid()), others=2)
    try:
        made.start()
        print("started", flush=True)
        list(made.answers(range(2000)))
    except KeyboardInterrupt:
        print("ended")
"""


@pytest.mark.parametrize("after", [0.0, 0.15, 1.0])
def test_ctrl_c_ends_all_without_a_word_of_the_others(tmp_path, after):
    (tmp_path / "interrupted.py").write_text(INTERRUPTED, "utf-8")
    running = subprocess.Popen(
        [sys.executable, str(tmp_path / "interrupted.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert running.stdout and running.stdout.readline() == b"started\n"
    time.sleep(after)
    os.killpg(running.pid, signal.SIGINT)
    told, complaint = running.communicate(timeout=30)
    assert (told, complaint) == (b"ended\n", b"")


def test_alone_no_process_is_started():
    made = Crew(make, ("works", os.getpid()), others=2)
    assert [answer for answer, _ in made.answers(range(3))] == [0, 10, 20]
    assert not made._processes


def test_who_stops_listening_ends_the_others():
    made, parts = crew("works")
    answers = made.answers(parts(500))
    assert next(answers)[0] == 0
    answers.close()
    assert all(not process.is_alive() for process in made._processes)
