# SPDX-License-Identifier: MIT
"""redis-py's asyncio client, with a Redis that the tests have started."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis.asyncio
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, ResponseError, WatchError

from conftest import Certificates
from servers import Redis


@asynccontextmanager
async def connected(server: Redis, **options: Any) -> AsyncIterator[redis.asyncio.Redis]:
    """A client of an empty database."""
    where: dict[str, Any] = {"host": "127.0.0.1", "port": server.port}
    async with redis.asyncio.Redis(**{**where, **options}) as client:
        await client.flushall()
        yield client


async def test_values(redis_server: Redis) -> None:
    async with connected(redis_server, decode_responses=True) as client:
        assert await client.set("key", "value")
        assert await client.get("key") == "value"
        assert await client.get("no key") is None
        await client.hset("hash", mapping={"a": 1, "b": 2})
        assert await client.hgetall("hash") == {"a": "1", "b": "2"}
        with pytest.raises(ResponseError):
            await client.incr("key")
        assert await client.incr("counter") == 1


async def test_a_large_value(redis_server: Redis) -> None:
    value = bytes(range(256)) * 40_000
    async with connected(redis_server) as client:
        await client.set("large", value)
        assert await client.get("large") == value


async def test_a_pipeline_of_ten_thousand_commands(redis_server: Redis) -> None:
    async with connected(redis_server) as client, client.pipeline(transaction=False) as pipeline:
        for number in range(10_000):
            pipeline.set(f"key {number}", number)
        assert await pipeline.execute() == [True] * 10_000
        assert len([key async for key in client.scan_iter(count=1000)]) == 10_000


async def test_a_transaction_notices_another(redis_server: Redis) -> None:
    async with connected(redis_server) as client, client.pipeline() as pipeline:
        await pipeline.watch("key")
        await client.set("key", "of another")
        pipeline.multi()
        pipeline.set("key", "mine")
        with pytest.raises(WatchError):
            await pipeline.execute()
        assert await client.get("key") == b"of another"


async def test_published_messages(redis_server: Redis) -> None:
    async with connected(redis_server) as client, client.pubsub(ignore_subscribe_messages=True) as subscriber:
        await subscriber.subscribe("news")
        await subscriber.psubscribe("weather.*")
        while await client.publish("news", "first") != 1:
            pass  # the test's time limit ends this
        for number in range(200):
            await client.publish("weather.here", str(number))
        received: list[bytes] = []
        while len(received) < 201:
            if message := await subscriber.get_message(timeout=10):
                received.append(message["data"])
    assert received == [b"first", *(b"%d" % number for number in range(200))]


async def test_waiting_for_an_element(redis_server: Redis) -> None:
    async with connected(redis_server) as client:
        waiting = asyncio.ensure_future(client.blpop(["queue"], timeout=30))
        await asyncio.sleep(0.02)
        await client.rpush("queue", "element")
        assert await waiting == (b"queue", b"element")


async def test_a_cancelled_command_leaves_the_client_usable(redis_server: Redis) -> None:
    async with connected(redis_server) as client:
        waiting = asyncio.ensure_future(client.blpop(["queue"], timeout=30))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await client.incr("counter") == 1


async def test_a_hundred_clients(redis_server: Redis) -> None:
    async def work() -> None:
        async with redis.asyncio.Redis(port=redis_server.port) as mine:
            for _ in range(20):
                await mine.incr("counter")

    async with connected(redis_server) as client:
        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(work())
        assert await client.get("counter") == b"2000"


async def test_a_pool_that_makes_tasks_wait(redis_server: Redis) -> None:
    pool = BlockingConnectionPool(host="127.0.0.1", port=redis_server.port, max_connections=5, timeout=30)
    async with connected(redis_server), redis.asyncio.Redis.from_pool(pool) as client:
        assert sorted(await asyncio.gather(*(client.incr("counter") for _ in range(500)))) == list(range(1, 501))


async def test_streams(redis_server: Redis) -> None:
    async with connected(redis_server) as client:
        reading = asyncio.ensure_future(client.xread({"stream": "$"}, block=30_000))
        await asyncio.sleep(0.02)
        await client.xadd("stream", {"field": "value"})
        [[name, [[_, fields]]]] = [list(entry) for entry in await reading]
        assert (name, fields) == (b"stream", {b"field": b"value"})


async def test_unix_socket(redis_server: Redis) -> None:
    async with redis.asyncio.Redis(unix_socket_path=redis_server.socket) as client:
        assert await client.ping()
        assert await client.echo("x" * 1_000_000) == b"x" * 1_000_000


async def test_tls(redis_server: Redis, certificates: Certificates) -> None:
    tls: dict[str, Any] = {"port": redis_server.tls_port, "ssl": True}
    async with connected(redis_server, ssl_ca_certs=str(certificates.authority), **tls) as client:
        await client.set("key", bytes(1_000_000))
        assert await client.get("key") == bytes(1_000_000)
    async with redis.asyncio.Redis(host="127.0.0.1", retry=Retry(NoBackoff(), 0), **tls) as stranger:
        with pytest.raises(ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.ping()


async def test_the_server_hangs_up(redis_server: Redis) -> None:
    """The client finds out, and connects again for the next command."""
    async with connected(redis_server) as client, connected(redis_server) as other:
        await other.client_kill_filter(_id=str(await client.client_id()), skipme=False)
        try:
            assert await client.ping()
        except ConnectionError:
            assert await client.ping()
