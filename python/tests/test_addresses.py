# SPDX-License-Identifier: MIT
"""Numeric addresses, which need no resolver, and the resolver."""

import asyncio
import logging
import socket
from typing import Any

import hoop
import pytest
from hoop.addresses import numeric_address

TCP = socket.IPPROTO_TCP


# ---- numeric addresses ----


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("1.2.3.4", 80, (socket.AF_INET, ("1.2.3.4", 80))),
        (b"1.2.3.4", b"80", (socket.AF_INET, ("1.2.3.4", 80))),
        ("1.2.3.4", None, (socket.AF_INET, ("1.2.3.4", 0))),
        ("1.2.3.4", "", (socket.AF_INET, ("1.2.3.4", 0))),
        ("::3", 80, (socket.AF_INET6, ("::3", 80, 0, 0))),
        ("1.2.3.4", "http", None),
        ("::3%lo", 80, None),
        ("localhost", 80, None),
        ("a\0b", 80, None),
        (None, 80, None),
    ],
)
def test_numeric_addresses_are_known_as_such(host: Any, port: Any, expected: Any) -> None:
    info = numeric_address(host, port, 0, socket.SOCK_STREAM, 0)
    assert info == (expected and (expected[0], socket.SOCK_STREAM, TCP, "", expected[1]))


def test_numeric_addresses_are_of_the_family_and_protocol_asked_for() -> None:
    assert numeric_address("1.2.3.4", 1, socket.AF_INET6, socket.SOCK_STREAM, 0) is None
    assert numeric_address("1.2.3.4", 1, 0, socket.SOCK_RAW, 0) is None
    assert numeric_address("1.2.3.4", 1, 0, socket.SOCK_STREAM, socket.IPPROTO_SCTP) is None
    datagram = numeric_address("::1", 1, 0, socket.SOCK_DGRAM, 0, 5, 6)
    assert datagram == (socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP, "", ("::1", 1, 5, 6))


# ---- the resolver ----


def test_getaddrinfo_and_getnameinfo_ask_the_system() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        assert infos == socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        assert await loop.getnameinfo(("127.0.0.1", 80), flags) == ("127.0.0.1", "80")
        with pytest.raises(socket.gaierror):
            await loop.getaddrinfo("no.such.name.invalid", 80, flags=socket.AI_NUMERICHOST)

    hoop.run(main())


def test_debug_mode_tells_what_is_resolved(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = 1000
        await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        loop.slow_callback_duration = 0
        await loop.getaddrinfo("127.0.0.1", 81)

    with caplog.at_level(logging.DEBUG, logger="asyncio"):
        hoop.run(main(), debug=True)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    kind = f"type={socket.SOCK_STREAM!r}"
    assert ("DEBUG", f"Get address info 127.0.0.1:80, {kind}") in told
    answers = [(level, text) for level, text in told if text.startswith("Getting address info")]
    assert [level for level, _ in answers] == ["DEBUG", "INFO"]
    assert f"127.0.0.1:80, {kind} took " in answers[0][1]
