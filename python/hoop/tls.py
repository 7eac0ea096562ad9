# SPDX-License-Identifier: MIT
"""TLS, what is done once a connection: the engine made, the handshake's outcome, what is logged.

The extension drives the engine (the objects of the module ssl) and calls these functions.
"""

from __future__ import annotations

import asyncio
from asyncio import constants
from collections.abc import Callable
from typing import Any

from .log import logger

try:
    import ssl
except ImportError:  # an interpreter without OpenSSL
    AGAIN_ERRORS: tuple[type[BaseException], ...] = ()
    CLOSED_ERRORS: tuple[type[BaseException], ...] = ()
else:
    # The engine needs more of what the peer sends; the peer has ended the connection, and so have we.
    AGAIN_ERRORS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLSyscallError)
    CLOSED_ERRORS = (ssl.SSLZeroReturnError,)

SENDFILE_FALLBACK = constants._SendfileMode.FALLBACK


def timeout(name: str, value: float | None, default: float) -> float:
    """VALUE, or DEFAULT for None."""
    if value is None:
        return default
    if value <= 0:
        raise ValueError(f"{name} should be a positive number, got {value}")
    return value


def handshake_timeout(value: float | None) -> float:
    return timeout("ssl_handshake_timeout", value, constants.SSL_HANDSHAKE_TIMEOUT)


def shutdown_timeout(value: float | None) -> float:
    return timeout("ssl_shutdown_timeout", value, constants.SSL_SHUTDOWN_TIMEOUT)


def context(sslcontext: ssl.SSLContext | None, server_side: bool, server_hostname: str | None) -> ssl.SSLContext:
    """The program's context, or the default one for a client that said ssl=True."""
    if sslcontext:
        return sslcontext
    if server_side:
        raise ValueError("Server side SSL needs a valid SSLContext")
    default = ssl.create_default_context()
    if not server_hostname:
        default.check_hostname = False
    return default


def engine(
    sslcontext: ssl.SSLContext, server_side: bool, server_hostname: str | None
) -> tuple[ssl.MemoryBIO, ssl.MemoryBIO, ssl.SSLObject, bool, Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """What came in, what is to go out, the object between them; whether its class reads as ssl.SSLObject does; and its
    read, write and pending: those of the object below it where its class (SSLContext.sslobject_class) leaves them
    alone."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hostname = server_hostname if server_hostname and not server_side else None
    sslobj = sslcontext.wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=hostname)

    def is_stock(name: str) -> bool:
        stock = getattr(ssl.SSLObject, name)
        return getattr(type(sslobj), name, None) is stock and name not in getattr(sslobj, "__dict__", ())

    def method(name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(sslobj._sslobj if is_stock(name) else sslobj, name)  # type: ignore[attr-defined]
        return method

    return (
        incoming,
        outgoing,
        sslobj,
        is_stock("read") and is_stock("pending"),
        method("read"),
        method("write"),
        method("pending"),
    )


def handshake_info(sslobj: ssl.SSLObject) -> dict[str, Any]:
    """What get_extra_info knows once the handshake is done."""
    return {
        "peercert": sslobj.getpeercert(),
        "cipher": sslobj.cipher(),
        "compression": sslobj.compression(),
        "ssl_object": sslobj,
    }


def log_handshake_start(loop: asyncio.AbstractEventLoop, protocol: object) -> float | None:
    """Debug mode: the time. None otherwise."""
    if not loop.get_debug():
        return None
    logger().debug("%r starts SSL handshake", protocol)
    return loop.time()


def log_handshake_end(loop: asyncio.AbstractEventLoop, protocol: object, start: float | None) -> None:
    if start is not None:
        logger().debug("%r: SSL handshake took %.1f ms", protocol, (loop.time() - start) * 1e3)


def log_eof(loop: asyncio.AbstractEventLoop, protocol: object) -> None:
    if loop.get_debug():
        logger().debug("%r received EOF", protocol)


def log_keep_open() -> None:
    logger().warning("returning true from eof_received() has no effect when using ssl")


def log_closed() -> None:
    logger().warning("SSL connection is closed")


def handshake_message(exception: BaseException) -> str:
    """How report_fatal begins for a handshake that failed."""
    if isinstance(exception, ssl.CertificateError):
        return "SSL handshake failed on verifying the certificate"
    return "SSL handshake failed"


def handshake_late(seconds: float) -> ConnectionAbortedError:
    return ConnectionAbortedError(
        f"SSL handshake is taking longer than {seconds} seconds: aborting the connection"
    )


def shutdown_late() -> TimeoutError:
    return TimeoutError("SSL shutdown timed out")


def force_close(transport: Any, exception: BaseException | None) -> None:
    """Ends TRANSPORT at once; its protocol gets EXCEPTION if it is a transport that can tell."""
    close = getattr(transport, "_force_close", None)
    if close is None:
        transport.abort()
    else:
        close(exception)


def report_fatal(
    loop: asyncio.AbstractEventLoop, protocol: object, transport: object, exception: BaseException, message: str
) -> None:
    """EXCEPTION ended the connection: an error of the network is nothing that a program must hear of twice."""
    if isinstance(exception, OSError):
        if loop.get_debug():
            logger().debug("%r: %s", protocol, message, exc_info=exception)
    elif not isinstance(exception, asyncio.CancelledError):
        report(loop, protocol, transport, exception, message)


def report(
    loop: asyncio.AbstractEventLoop, protocol: object, transport: object, exception: BaseException, message: str
) -> None:
    loop.call_exception_handler(
        {"message": message, "exception": exception, "transport": transport, "protocol": protocol}
    )


def water_marks(high: int | None, low: int | None, default: int) -> tuple[int, int]:
    """The limits of a buffer, high and low; DEFAULT in KiB."""
    if high is None:
        high = default * 1024 if low is None else 4 * low
    if low is None:
        low = high // 4
    if not high >= low >= 0:
        raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
    return high, low


def write_marks(high: int | None = None, low: int | None = None) -> tuple[int, int]:
    return water_marks(high, low, constants.FLOW_CONTROL_HIGH_WATER_SSL_WRITE)


def read_marks(high: int | None = None, low: int | None = None) -> tuple[int, int]:
    return water_marks(high, low, constants.FLOW_CONTROL_HIGH_WATER_SSL_READ)
