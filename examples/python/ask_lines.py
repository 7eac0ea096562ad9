# SPDX-License-Identifier: MIT
"""C and Python on one loop: a client in C (extension/line_client.c) talks to a server in Python.

    extension/build.sh . && python ask_lines.py
"""

import asyncio

import hoop  # before the extension, which uses its libhoop
import line_client


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line.upper())
    writer.close()
    answered.set()


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        connection = await line_client.connect("127.0.0.1", server.sockets[0].getsockname()[1])
        print(await connection.ask(b"how are you?\n"))
        questions = [connection.ask(b"question %d\n" % number) for number in range(3)]
        print(await asyncio.gather(*questions))
        del connection  # the end of it is the end of the server's loop
        await answered.wait()


answered = asyncio.Event()
hoop.run(main())
