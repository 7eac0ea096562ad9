# SPDX-License-Identifier: MIT
"""asyncpg, which speaks PostgreSQL's protocol on the loop's transports, and psycopg, which has libpq speak it and waits
with add_reader and add_writer; both with a PostgreSQL that the tests have started."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import psycopg
import pytest

from conftest import Certificates
from loops import LoopKind, running_loop
from servers import PostgreSQL

ROWS = 20_000


# ---- asyncpg


@asynccontextmanager
async def connected(server: PostgreSQL, **options: Any) -> AsyncIterator[asyncpg.Connection]:
    where = {"host": "127.0.0.1", "port": server.port, "user": "tester", "database": "postgres", "ssl": False}
    connection = await asyncpg.connect(**{**where, **options})
    try:
        yield connection
    finally:
        await connection.close()


async def test_asyncpg_queries(postgresql: PostgreSQL, loop: LoopKind) -> None:
    async with connected(postgresql) as connection:
        assert await connection.fetchval("SELECT $1::int + 1", 41) == 42
        rows = await connection.fetch("SELECT n, repeat('x', n % 100) AS word FROM generate_series(1, $1) AS n", ROWS)
        assert [row["n"] for row in rows] == list(range(1, ROWS + 1))
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.execute("SELECT 1 / 0")
        assert await connection.fetchval("SELECT 1") == 1
        assert running_loop() == loop.name


async def test_asyncpg_prepared_statements_and_cursors(postgresql: PostgreSQL) -> None:
    async with connected(postgresql) as connection:
        statement = await connection.prepare("SELECT $1::text || '!'")
        for number in range(200):
            assert await statement.fetchval(str(number)) == f"{number}!"
        async with connection.transaction():
            cursor = connection.cursor("SELECT generate_series(1, 5000)", prefetch=100)
            assert [row[0] async for row in cursor] == list(range(1, 5001))


async def test_asyncpg_transactions(postgresql: PostgreSQL) -> None:
    async with connected(postgresql) as connection:
        await connection.execute("CREATE TEMPORARY TABLE account (amount int)")
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction():
                await connection.execute("INSERT INTO account VALUES (1)")
                raise ZeroDivisionError
        assert await connection.fetchval("SELECT count(*) FROM account") == 0
        async with connection.transaction():
            await connection.execute("INSERT INTO account VALUES (2)")
        assert await connection.fetchval("SELECT sum(amount) FROM account") == 2


async def test_asyncpg_copies(postgresql: PostgreSQL) -> None:
    """Streams in both directions, with backpressure: what PostgreSQL sends goes to a slow coroutine."""
    received = bytearray()

    async def keep(part: bytes) -> None:
        await asyncio.sleep(0)
        received.extend(part)

    async with connected(postgresql) as connection:
        await connection.execute("CREATE TEMPORARY TABLE big (n int, word text)")
        records = [(number, "word" * 25) for number in range(ROWS)]
        assert await connection.copy_records_to_table("big", records=records) == f"COPY {ROWS}"
        assert await connection.copy_from_table("big", output=keep, format="csv") == f"COPY {ROWS}"
        assert received.splitlines() == [b"%d,%s" % (number, b"word" * 25) for number in range(ROWS)]
        source = io.BytesIO(received)
        assert await connection.copy_to_table("big", source=source, format="csv") == f"COPY {ROWS}"
        assert await connection.fetchval("SELECT count(*) FROM big") == 2 * ROWS


async def test_asyncpg_notifications(postgresql: PostgreSQL) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected(postgresql) as listener, connected(postgresql) as speaker:
        await listener.add_listener("news", lambda connection, pid, channel, payload: heard.put_nowait(payload))
        for number in range(20):
            await speaker.execute(f"NOTIFY news, '{number}'")
        assert [await heard.get() for _ in range(20)] == [str(number) for number in range(20)]


async def test_asyncpg_pool(postgresql: PostgreSQL) -> None:
    async def work(number: int) -> int:
        async with pool.acquire() as connection:
            answer: int = await connection.fetchval("SELECT $1::int FROM pg_sleep(0.001)", number)
            return answer

    where = {"host": "127.0.0.1", "port": postgresql.port, "user": "tester", "database": "postgres", "ssl": False}
    async with asyncpg.create_pool(min_size=2, max_size=10, **where) as pool:
        assert await asyncio.gather(*map(work, range(300))) == list(range(300))


async def test_asyncpg_cancels_a_query(postgresql: PostgreSQL) -> None:
    """By a second connection, which asyncpg makes for it; the first is fit for use afterwards."""
    async with connected(postgresql) as connection:
        with pytest.raises(asyncio.TimeoutError):
            await connection.fetch("SELECT pg_sleep(60)", timeout=0.05)
        assert await connection.fetchval("SELECT 1") == 1
        query = asyncio.create_task(connection.fetch("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.05)
        query.cancel()
        with pytest.raises(asyncio.CancelledError):
            await query
        assert await connection.fetchval("SELECT 2") == 2


async def test_asyncpg_on_a_unix_socket(postgresql: PostgreSQL) -> None:
    async with connected(postgresql, host=str(postgresql.folder)) as connection:
        assert await connection.fetchval("SELECT inet_client_addr()") is None
        assert len(await connection.fetch("SELECT generate_series(1, $1)", ROWS)) == ROWS


async def test_asyncpg_with_tls(postgresql: PostgreSQL, certificates: Certificates) -> None:
    """PostgreSQL's TLS begins in the middle of a connection: loop.start_tls."""
    async with connected(postgresql, ssl=certificates.client) as connection:
        assert await connection.fetchval("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "TLSv1.3"
        assert len(await connection.fetch("SELECT repeat('x', 1000) FROM generate_series(1, 5000)")) == 5000


async def test_asyncpg_notices_that_the_server_hangs_up(postgresql: PostgreSQL) -> None:
    ended = asyncio.Event()
    async with connected(postgresql) as victim, connected(postgresql) as other:
        victim.add_termination_listener(lambda connection: ended.set())
        await other.execute("SELECT pg_terminate_backend($1)", victim.get_server_pid())
        await ended.wait()
        assert victim.is_closed()


# ---- psycopg


def conninfo(server: PostgreSQL, **options: Any) -> str:
    where: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "user": "tester", "dbname": "postgres", "sslmode": "disable"}
    return psycopg.conninfo.make_conninfo(**{**where, **options})


async def test_psycopg_queries(postgresql: PostgreSQL) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo(postgresql)) as connection:
        cursor = await connection.execute("SELECT n, repeat('x', n %% 100) FROM generate_series(1, %s) AS n", (ROWS,))
        assert [row[0] async for row in cursor] == list(range(1, ROWS + 1))
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with connection.transaction():
                await connection.execute("SELECT 1 / 0")
        async with connection.pipeline():
            cursors = [await connection.execute("SELECT %s::int", (number,)) for number in range(100)]
        assert [await cursor.fetchone() for cursor in cursors] == [(number,) for number in range(100)]


async def test_psycopg_connections_at_once(postgresql: PostgreSQL) -> None:
    async def work(number: int) -> int:
        async with await psycopg.AsyncConnection.connect(conninfo(postgresql)) as connection:
            row = await (await connection.execute("SELECT %s::int FROM pg_sleep(0.01)", (number,))).fetchone()
            assert row is not None
            return int(row[0])

    assert await asyncio.gather(*map(work, range(20))) == list(range(20))


async def test_psycopg_copies(postgresql: PostgreSQL) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo(postgresql)) as connection:
        cursor = connection.cursor()
        await cursor.execute("CREATE TEMPORARY TABLE big (n int, word text)")
        async with cursor.copy("COPY big FROM STDIN") as copy:
            for number in range(ROWS):
                await copy.write_row((number, "word" * 25))
        async with cursor.copy("COPY (SELECT n FROM big ORDER BY n) TO STDOUT") as copy:
            assert [int(bytes(part)) async for part in copy] == list(range(ROWS))


async def test_psycopg_notifications(postgresql: PostgreSQL) -> None:
    async with (
        await psycopg.AsyncConnection.connect(conninfo(postgresql), autocommit=True) as listener,
        await psycopg.AsyncConnection.connect(conninfo(postgresql), autocommit=True) as speaker,
    ):
        await listener.execute("LISTEN news")
        for number in range(20):
            await speaker.execute(f"NOTIFY news, '{number}'")
        heard = [notify.payload async for notify in listener.notifies(timeout=10, stop_after=20)]
    assert heard == [str(number) for number in range(20)]


async def test_psycopg_cancels_a_query(postgresql: PostgreSQL) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo(postgresql), autocommit=True) as connection:
        query = asyncio.create_task(connection.execute("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.05)
        query.cancel()
        with pytest.raises((asyncio.CancelledError, psycopg.errors.QueryCanceled)):
            await query
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


async def test_psycopg_with_tls(postgresql: PostgreSQL, certificates: Certificates) -> None:
    tls = {"sslmode": "verify-full", "sslrootcert": certificates.authority}
    async with await psycopg.AsyncConnection.connect(conninfo(postgresql, **tls)) as connection:
        cursor = await connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert await cursor.fetchone() == (True,)
