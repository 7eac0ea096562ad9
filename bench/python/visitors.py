# SPDX-License-Identifier: MIT
"""The other ends of the idle connections: visitors.py HOST PORT. For each line with a number it opens as many
connections, sends a message on each, reads the answer, and prints "open". It keeps all of them until its input ends.
"""

import socket
import sys

MESSAGE = b"x" * 64

address = (sys.argv[1], int(sys.argv[2]))
connections = []
for line in sys.stdin:
    for _ in range(int(line)):
        connection = socket.create_connection(address)
        connection.sendall(MESSAGE)
        got = b""
        while len(got) < len(MESSAGE):
            got += connection.recv(len(MESSAGE)) or sys.exit("a connection ended")
        connections.append(connection)
    print("open", flush=True)
