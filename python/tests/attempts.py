# SPDX-License-Identifier: MIT
"""Attempts to connect: a resolver that says where they go, and a count of what they leave open."""

import gc
import os
import socket
from typing import Any

TCP = socket.IPPROTO_TCP


def resolves_to(*addresses: tuple[str, int]) -> Any:
    """A resolver that knows one name."""

    async def getaddrinfo(host: str, port: int, **hints: Any) -> list[Any]:
        assert host == "somewhere.test"
        families = [socket.AF_INET6 if ":" in address[0] else socket.AF_INET for address in addresses]
        return [(family, socket.SOCK_STREAM, TCP, "", address) for family, address in zip(families, addresses)]

    return getaddrinfo


def open_descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
