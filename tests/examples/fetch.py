#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the example that fetches URLs against HTTP servers that are written here, with certificates made for the day.
Prints TAP.

    tests/examples/fetch.py PROGRAM
"""

import asyncio
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from programs import run, same, tap, test  # noqa: E402

HOST = "127.0.0.1"
BODY = bytes(range(256)) * 4000
OK = b"HTTP/1.0 200 Fine\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)

program = Path(sys.argv[1])


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def make_certificate(folder: Path, name: str, of_host: str) -> ssl.SSLContext:
    """NAME.pem and NAME.key, signed by the authority in the folder, for OF_HOST."""
    (folder / "extensions").write_text(f"subjectAltName={of_host}\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key",
            "-out", folder / "request.pem")  # fmt: skip
    openssl("x509", "-req", "-in", folder / "request.pem", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
            "-CAcreateserial", "-days", 2, "-extfile", folder / "extensions", "-out", folder / f"{name}.pem")  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def make_authority(folder: Path) -> Path:
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", "/CN=hoop test authority",
            "-keyout", folder / "ca.key", "-out", folder / "ca.pem")  # fmt: skip
    return folder / "ca.pem"


async def serve(answer: Callable[[bytes], bytes], context: ssl.SSLContext | None = None, cut: bool = False) -> int:
    """The port of a server that gives ANSWER(request), and then hangs up, or cuts the connection without TLS's goodbye."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tcp = writer.get_extra_info("socket")
        try:
            writer.write(answer(await reader.readuntil(b"\r\n\r\n")))
            if cut:
                while writer.transport.get_write_buffer_size() > 0:
                    await asyncio.sleep(0.01)
                # As kill -9 would: what was sent arrives, and then TCP's end.
                tcp.shutdown(socket.SHUT_RDWR)
            writer.close()
            await writer.wait_closed()
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # such as a client that does not believe the certificate

    server = await asyncio.start_server(client, HOST, 0, ssl=context)
    return server.sockets[0].getsockname()[1]


def page(request: bytes) -> bytes:
    """/long has a length, /open ends with the connection, there is nothing else."""
    path = request.split()[1]
    if path == b"/long":
        return OK + LENGTH + b"\r\n" + BODY
    return OK + b"\r\n" + BODY if path == b"/open" else b"HTTP/1.0 404 Not Found\r\n\r\n"


async def fetch(*arguments: object) -> tuple[int, list[str]]:
    status, lines = await asyncio.to_thread(run, program, *arguments)
    return status, sorted(lines)


def fetched(url: str, status: str = "HTTP/1.0 200 Fine", size: int = len(BODY)) -> str:
    return f"{url}: {status}, {size} bytes"


async def one_failure(url: str, words: str, *arguments: object) -> None:
    """That is all there is, and the program says so."""
    status, lines = await fetch(*arguments, url)
    same((status, len(lines)), (1, 1))
    assert lines[0].startswith(f"{url}: ") and words in lines[0], lines[0]


def test_plain() -> None:
    async def gets() -> None:
        port = await serve(page)
        urls = [f"http://{HOST}:{port}/long", f"http://{HOST}:{port}/open"]
        same(await fetch(*urls), (0, [fetched(url) for url in urls]))
        url = f"http://localhost:{port}"
        same(await fetch(url), (0, [fetched(url, "HTTP/1.0 404 Not Found", 0)]))

    async def incomplete() -> None:
        port = await serve(lambda request: OK + LENGTH + b"\r\n" + BODY[:-1])
        await one_failure(f"http://{HOST}:{port}/", "the stream ended")
        port = await serve(lambda request: OK + b"Half: of")
        await one_failure(f"http://{HOST}:{port}/", "the stream ended")

    async def failures_are_apart() -> None:
        port = await serve(page)
        with socket.socket() as nobody:
            nobody.bind((HOST, 0))
            good, refused = f"http://{HOST}:{port}/long", f"http://{HOST}:{nobody.getsockname()[1]}/"
            status, lines = await fetch(good, refused, good, good)
        same(status, 1)
        same([line for line in lines if line.startswith(good)], [fetched(good)] * 3)
        same(["Connection refused" in line for line in lines if line.startswith(refused)], [True])

    async def no_url() -> None:
        for url in "http:/x", "gopher://x/", "x":
            same(await fetch(url), (1, [f"fetch: no URL that it knows: {url}"]))

    test("fetch gets what has a length, and what has none", gets)
    test("fetch says that an answer is incomplete", incomplete)
    test("fetch fetches the others when one fails", failures_are_apart)
    test("fetch says what is no URL", no_url)


def test_tls(folder: Path) -> None:
    authority = make_authority(folder)
    context = make_certificate(folder, "localhost", "DNS:localhost,IP:127.0.0.1")
    others = make_certificate(folder, "others", "DNS:other.example")

    async def gets() -> None:
        port = await serve(page, context)
        urls = [f"https://{host}:{port}/{path}" for host in (HOST, "localhost") for path in ("long", "open")]
        same(await fetch("--ca", authority, *urls), (0, [fetched(url) for url in urls]))

    async def distrusts() -> None:
        url = f"https://localhost:{await serve(page, context)}/long"
        await one_failure(url, "certificate")

    async def wrong_name() -> None:
        url = f"https://localhost:{await serve(page, others)}/long"
        await one_failure(url, "certificate", "--ca", authority)

    async def cut() -> None:
        url = f"https://localhost:{await serve(page, context, cut=True)}/"
        same(await fetch("--ca", authority, url + "long"), (0, [fetched(url + "long")]))
        await one_failure(url + "open", "cut", "--ca", authority)

    async def no_tls() -> None:
        def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        server = await asyncio.start_server(refuse, HOST, 0)
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        await one_failure(url, "TLS", "--ca", authority)

    async def no_authority() -> None:
        status, lines = await fetch("--ca", folder / "missing.pem", "https://localhost/")
        same((status, len(lines)), (1, 1))
        assert lines[0].startswith("fetch: No such file"), lines[0]

    test("fetch gets over TLS, by name and by address", gets)
    test("fetch does not believe a certificate of an authority that it does not know", distrusts)
    test("fetch does not believe a certificate for another host", wrong_name)
    test("fetch notices a cut connection, unless it knows that it has all", cut)
    test("fetch says that a server does not speak TLS", no_tls)
    test("fetch says that there is no file of authorities", no_authority)


test_plain()
with tempfile.TemporaryDirectory() as name:
    test_tls(Path(name))
tap.done()
