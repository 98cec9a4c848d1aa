"""One drawing at a time: who waits, who has gone, what takes too long, what fails."""

import asyncio
import threading

import pytest

from genkit.app.drawing_queue import MOST_WAITING, Busy, DrawingQueue
from genkit.core.stopping import between_steps
from genkit.system.errors import ConfigError


async def never():
    return False


def told(work, *, seconds=60.0, gone=never):
    """All events of a job."""

    async def all_of_it():
        with DrawingQueue(seconds) as waiting:
            job, _ = waiting.add(work)
            return [event async for events in job.events(gone=gone, every=0.01) for event in events]

    return asyncio.run(all_of_it())


def test_events_come_in_their_order():
    def work(tell):
        for number in range(100):
            tell({"event": "piece", "number": number})

    found = told(work)
    assert found[0] == {"event": "begun"}
    assert [event["number"] for event in found[1:]] == list(range(100))


def test_a_refusal_and_a_fault_are_one_line(capsys):
    def refused(tell):
        raise ConfigError("n is\ntoo large")

    def broken(tell):
        raise ZeroDivisionError("no\nway")

    assert told(refused)[-1] == {"event": "error", "said": "n is too large"}
    said = told(broken)[-1]["said"]
    assert "ZeroDivisionError: no way" in said
    assert "\n" not in said
    assert "Traceback" in capsys.readouterr().err


def test_whoever_leaves_stops_it_between_two_steps():
    ended, drawn = threading.Event(), []

    def work(tell):
        try:
            while True:
                between_steps()
                drawn.append(1)
        finally:
            ended.set()

    async def left():
        return bool(drawn)

    assert told(work, gone=left) == [{"event": "begun"}]
    assert ended.wait(10)


def test_what_takes_too_long_is_ended_and_says_so():
    def work(tell):
        while True:
            between_steps()

    assert told(work, seconds=0.01)[-1]["said"].startswith("stopped after 0.01 s")


def test_jobs_are_drawn_one_after_another_and_too_many_are_refused():
    begun, go, order = threading.Event(), threading.Event(), []

    def first(tell):
        begun.set()
        go.wait(10)

    async def crowd():
        with DrawingQueue(60.0) as waiting:
            return await crowded(waiting)

    async def crowded(waiting):
        jobs = [waiting.add(first)]
        await asyncio.to_thread(begun.wait, 10)
        jobs += [waiting.add(lambda tell, i=i: order.append(i)) for i in range(MOST_WAITING)]
        with pytest.raises(Busy, match="waiting already"):
            waiting.add(first)
        jobs[3][0].stop()
        go.set()
        for job, _ in jobs:
            [events async for events in job.events(gone=never)]
        return [before for _, before in jobs]

    assert asyncio.run(crowd()) == list(range(MOST_WAITING + 1))
    assert order == [i for i in range(MOST_WAITING) if i != 2]  # nothing is drawn for whoever has gone


def test_at_its_end_nothing_is_drawn_any_more():
    begun, ended = threading.Event(), threading.Event()

    def work(tell):
        begun.set()
        try:
            while True:
                between_steps()
        finally:
            ended.set()

    async def closed():
        with DrawingQueue(60.0) as waiting:
            jobs = [waiting.add(work), waiting.add(work)]
            await asyncio.to_thread(begun.wait, 10)
        return jobs

    asyncio.run(closed())
    assert ended.wait(10)
