"""A web server of aiohttp in a driver program: its handlers await goroutines and channels."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import dgo

aiohttp = pytest.importorskip("aiohttp", reason="the extra 'test' installs aiohttp")
from aiohttp import web  # noqa: E402 - after the check that it is installed

LIMIT = 30


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[Any]:
    with dgo.init(workers=2) as running:
        running.wait_for_workers(2, timeout=LIMIT)
        yield running
        assert dgo.num_goroutine() == 1, "a goroutine was left behind"


def square(number: int) -> int:
    return number * number


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


async def serve_jobs(jobs: Any) -> int:
    """A goroutine that answers what comes through a channel, each over the channel that came with it."""
    served = 0
    async for number, answer in jobs:
        await answer.asend(number + 1)
        served += 1
    return served


async def wait_for_word(started: Any, gate: Any, ended: Any) -> None:
    await started.asend(None)
    await gate.arecv()
    await ended.asend("the goroutine went on")


def application(jobs: Any, slow: tuple[Any, Any, Any]) -> web.Application:
    async def by_goroutine(request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        return web.json_response([await dgo.go(square, number), await dgo.go(double, number)])

    async def by_channel(request: web.Request) -> web.Response:
        answer = dgo.Chan(1)
        await jobs.asend((int(request.match_info["number"]), answer))
        return web.json_response(await answer.arecv(timeout=LIMIT))

    async def by_error(_request: web.Request) -> web.Response:
        try:
            await dgo.go(int, "no number")
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        raise AssertionError

    async def slowly(_request: web.Request) -> web.Response:
        await dgo.go(wait_for_word, *slow)
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/goroutine/{number}", by_goroutine)
    app.router.add_get("/channel/{number}", by_channel)
    app.router.add_get("/error", by_error)
    app.router.add_get("/slow", slowly)
    return app


class Site:
    """A running server, a client of it, and the goroutines behind it."""

    def __init__(self) -> None:
        self.jobs = dgo.Chan()
        self.slow = dgo.Chan(1), dgo.Chan(), dgo.Chan(1)
        self.workers = [dgo.go.options(spread=True)(serve_jobs, self.jobs) for _ in range(2)]
        self.served = 0

    async def get(self, path: str) -> Any:
        async with self.client.get(f"http://127.0.0.1:{self.port}{path}") as response:
            return response.status, await response.text()


@contextlib.asynccontextmanager
async def site() -> AsyncIterator[Site]:
    running = Site()
    # A client that goes away shall end its handler: then only the await ends, not the goroutine.
    runner = web.AppRunner(application(running.jobs, running.slow), handler_cancellation=True)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    running.port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as running.client:
            yield running
    finally:
        await runner.cleanup()
        running.jobs.close()
        running.served = sum(await asyncio.gather(*running.workers))


def test_a_handler_awaits_goroutines_and_channels() -> None:
    async def main() -> Any:
        async with site() as running:
            return await running.get("/goroutine/7"), await running.get("/channel/7")

    assert asyncio.run(main()) == ((200, "[49, 14]"), (200, "8"))


def test_a_handler_catches_the_error_of_a_goroutine() -> None:
    async def main() -> Any:
        async with site() as running:
            return await running.get("/error")

    status, text = asyncio.run(main())
    assert status == 400
    assert "no number" in text


def test_of_200_requests_at_once_each_gets_its_own_answer() -> None:
    async def main() -> Any:
        async with site() as running:
            goroutines = [running.get(f"/goroutine/{number}") for number in range(100)]
            channels = [running.get(f"/channel/{number}") for number in range(100)]
            answers = await asyncio.gather(*goroutines, *channels)
        return answers, running.served

    answers, served = asyncio.run(main())
    assert answers[:100] == [(200, f"[{number * number}, {number * 2}]") for number in range(100)]
    assert answers[100:] == [(200, str(number + 1)) for number in range(100)]
    assert served == 100


def test_a_client_that_disconnects_ends_its_await_and_not_the_goroutine_and_the_server_goes_on() -> None:
    async def main() -> Any:
        async with site() as running:
            started, gate, ended = running.slow
            request = asyncio.create_task(running.get("/slow"))
            await started.arecv(timeout=LIMIT)
            request.cancel()
            await asyncio.wait([request])
            others = await running.get("/goroutine/3")
            await gate.asend(None, timeout=LIMIT)
            return request.cancelled(), others, await ended.arecv(timeout=LIMIT)

    assert asyncio.run(main()) == (True, (200, "[9, 6]"), "the goroutine went on")


def test_a_server_that_is_shut_down_leaves_no_task_and_no_goroutine() -> None:
    async def main() -> Any:
        async with site() as running:
            await running.get("/goroutine/1")
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1
    assert dgo.num_goroutine() == 1
