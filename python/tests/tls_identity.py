# SPDX-License-Identifier: MIT
"""A certificate for "localhost", made by openssl once a run of the tests, and contexts that use it."""

import functools
import pathlib
import ssl
import subprocess
import tempfile


@functools.cache
def identity() -> str:
    """A file with a self-signed certificate and its key."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hoop-tests-"))
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "identity.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return str(both)


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity())
    return context


def client_context() -> ssl.SSLContext:
    """Trusts the certificate, and nobody else's."""
    return ssl.create_default_context(cafile=identity())
