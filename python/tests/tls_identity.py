# SPDX-License-Identifier: MIT
"""Certificates, made by openssl once a run of the tests, and contexts that use them."""

import functools
import ssl
import subprocess
import tempfile
from pathlib import Path


class Certificates:
    """An authority; certificates of it for the server (localhost, and other.example) and for a client."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="hoop-tests-")
        self.folder = folder = Path(self._temporary.name)
        subject = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj"]
        self._openssl(
            *("req", "-x509", *subject, "/CN=hoop's tests", "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        for name, host in ("server", "localhost"), ("other", "other.example"), ("client", "client.example"):
            (folder / f"{name}.ext").write_text(
                f"subjectAltName=DNS:{host},IP:127.0.0.1\nbasicConstraints=CA:FALSE\n"
                "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
            )
            self._openssl("req", *subject, f"/CN={host}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
            self._openssl(
                *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
                *("-out", f"{name}.pem", "-days", "3650", "-extfile", f"{name}.ext"),
            )

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60)

    def server(self, name: str = "server") -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.folder / "ca.pem"))
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))


@functools.cache
def certificates() -> Certificates:
    return Certificates()


def server_context() -> ssl.SSLContext:
    """Is "localhost"."""
    return certificates().server()


def client_context() -> ssl.SSLContext:
    """Trusts the authority, and nobody else."""
    return certificates().client()
