# SPDX-License-Identifier: MIT
"""create_connection by Happy Eyeballs: addresses that race, take turns, fail and are cancelled."""

import asyncio
import socket
import time
from typing import Any

import hoop
import pytest
from attempts import open_descriptors, resolves_to
from hoop.addresses import interleave
from protocols import Echo, Recorder, address_of, refused_address, silent_address


def test_an_address_that_does_not_answer_delays_the_next_one() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        async with server:
            with silent_address() as silent:
                loop.getaddrinfo = resolves_to(silent, address_of(server))
                begin = time.monotonic()
                transport, protocol = await loop.create_connection(
                    Recorder, "somewhere.test", 1, happy_eyeballs_delay=0.1
                )
                assert 0.09 <= time.monotonic() - begin < 5
                assert transport.get_extra_info("peername") == address_of(server)
                assert len(asyncio.all_tasks()) == 1
                transport.close()
                await protocol.lost

    hoop.run(main())


def test_an_address_that_fails_does_not_delay_the_next_one() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        async with server:
            loop.getaddrinfo = resolves_to(refused_address(), address_of(server))
            async with asyncio.timeout(30):
                transport, protocol = await loop.create_connection(
                    Recorder, "somewhere.test", 1, happy_eyeballs_delay=60
                )
            transport.close()
            await protocol.lost

    hoop.run(main())


def test_the_losers_of_a_race_are_closed() -> None:
    """Also if they connected in the same moment."""

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        before = open_descriptors()
        socks: list[socket.socket] = []
        all_began = asyncio.Event()

        async def sock_connect(sock: socket.socket, address: Any) -> None:
            socks.append(sock)
            if len(socks) == 3:
                all_began.set()
            await all_began.wait()
            sock.setblocking(True)
            sock.connect(address)

        async with server:
            loop.getaddrinfo = resolves_to(*[address_of(server)] * 3)
            loop.sock_connect = sock_connect
            transport, protocol = await loop.create_connection(
                Recorder, "somewhere.test", 1, happy_eyeballs_delay=0.001
            )
            assert sorted(sock.fileno() >= 0 for sock in socks) == [False, False, True]
            transport.close()
            await protocol.lost
            server.close()
        while open_descriptors() >= before:
            await asyncio.sleep(0.001)

    hoop.run(main())


def test_a_race_can_be_cancelled() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        with silent_address() as silent:
            loop.getaddrinfo = resolves_to(silent, silent, silent)
            before = open_descriptors()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await loop.create_connection(Recorder, "somewhere.test", 1, happy_eyeballs_delay=0.01)
            assert len(asyncio.all_tasks()) == 1
            assert open_descriptors() == before

    hoop.run(main())


@pytest.mark.parametrize("delay", [None, 0.01])
def test_what_is_not_an_os_error_ends_the_attempts(delay: float | None) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()

        async def sock_connect(sock: socket.socket, address: Any) -> None:
            raise LookupError("broken")

        loop.getaddrinfo = resolves_to(("127.0.0.1", 1))
        loop.sock_connect = sock_connect
        with pytest.raises(LookupError, match="broken"):
            await loop.create_connection(Recorder, "somewhere.test", 1, happy_eyeballs_delay=delay)

    hoop.run(main())


@pytest.mark.parametrize(
    ("keywords", "order"),
    [({}, "4466"), ({"interleave": 1}, "4646"), ({"interleave": 2}, "4466"), ({"happy_eyeballs_delay": 1}, "4646")],
)
def test_the_families_take_turns_if_wanted(keywords: dict[str, Any], order: str) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        tried: list[str] = []

        async def sock_connect(sock: socket.socket, address: Any) -> None:
            tried.append("6" if ":" in address[0] else "4")
            raise OSError("not today")

        loop.getaddrinfo = resolves_to(("127.0.0.1", 1), ("127.0.0.2", 1), ("::1", 1), ("::2", 1))
        loop.sock_connect = sock_connect
        with pytest.raises(OSError, match="not today"):
            await loop.create_connection(Recorder, "somewhere.test", 1, **keywords)
        assert "".join(tried) == order

    hoop.run(main())


def test_interleaving_keeps_every_address() -> None:
    infos: list[Any] = [(family, number) for number, family in enumerate([1, 1, 1, 1, 2, 2, 3])]
    assert [number for _, number in interleave(infos, 1)] == [0, 4, 6, 1, 5, 2, 3]
    assert [number for _, number in interleave(infos, 3)] == [0, 1, 2, 4, 6, 3, 5]
