"""A web server that is an asyncio driver: its handlers await goroutines and channels."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

import dgo

REQUESTS = 200
LIMIT = 60


def square(n):
    return n * n


async def shout(questions, answers):
    async for n, word in questions:
        await asyncio.sleep(0)
        await answers.asend((n, word.upper()))


class Shouts:
    """Asks a goroutine through one channel, and hands out what comes back through another."""

    def __init__(self):
        self.questions, self.answers = dgo.Chan(), dgo.Chan(10)
        self.waiting = {}
        self.goroutine = dgo.go(shout, self.questions, self.answers)
        self.reader = asyncio.create_task(self.read())

    async def read(self):
        async for n, word in self.answers:
            self.waiting.pop(n).set_result(word)

    async def ask(self, n, word):
        answer = self.waiting[n] = asyncio.get_running_loop().create_future()
        await self.questions.asend((n, word))
        return await answer

    async def close(self):
        self.questions.close()
        await self.goroutine
        self.answers.close()
        await self.reader


SHOUTS, NEVER, GONE = web.AppKey("shouts", Shouts), web.AppKey("never", dgo.Chan), web.AppKey("gone", asyncio.Event)


async def handle(request):
    n = int(request.match_info["n"])
    squared, word = await asyncio.gather(dgo.go(square, n), request.app[SHOUTS].ask(n, f"word {n}"))
    return web.json_response({"square": squared, "word": word})


async def handle_for_ever(request):
    try:
        await request.app[NEVER].arecv()
    finally:
        request.app[GONE].set()


async def serve(body):
    app = web.Application()
    app[SHOUTS], app[NEVER], app[GONE] = Shouts(), dgo.Chan(), asyncio.Event()
    app.router.add_get("/{n:[0-9]+}", handle)
    app.router.add_get("/for-ever", handle_for_ever)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _, port = runner.addresses[0]
    try:
        async with ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(LIMIT)) as client:
            return await body(client, f"http://127.0.0.1:{port}", app)
    finally:
        await runner.cleanup()
        await app[SHOUTS].close()


@pytest.mark.usefixtures("cluster")
def test_two_hundred_requests_at_once_get_the_right_answers_from_goroutines_and_channels():
    async def body(client, url, app):
        async def ask(n):
            async with client.get(f"{url}/{n}") as response:
                return n, await response.json()

        return await asyncio.gather(*(ask(n) for n in range(REQUESTS)))

    answers = asyncio.run(serve(body))
    assert answers == [(n, {"square": n * n, "word": f"WORD {n}"}) for n in range(REQUESTS)]


@pytest.mark.usefixtures("cluster")
def test_a_client_that_hangs_up_ends_the_wait_of_its_handler_and_takes_no_value():
    async def body(client, url, app):
        request = asyncio.create_task(client.get(f"{url}/for-ever"))
        while not _waits(app[NEVER]):
            await asyncio.sleep(0)
        request.cancel()
        await asyncio.wait_for(app[GONE].wait(), LIMIT)
        with pytest.raises(dgo.WouldBlock):
            app[NEVER].send_nowait("nobody waits for it")
        async with client.get(f"{url}/7") as response:
            return await response.json()

    assert asyncio.run(serve(body)) == {"square": 49, "word": "WORD 7"}


def _waits(channel):
    return "receivers waiting" in repr(channel)
