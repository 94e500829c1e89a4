"""Certificates for the tests, made once: those of a network, those of a stranger, and ones that have expired."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from fednet.certificates import Certificates, make_certificates


@dataclass(frozen=True)
class Paper:
    """The certificates of one authority.

    Attributes:
        servers: Its own certificate, and that of its servers.
        folder: The folder of all files.
    """

    servers: Certificates
    folder: Path

    @property
    def ca(self):
        return self.servers.ca

    @property
    def server(self):
        """The settings of a server and caller that trusts this authority."""
        return {
            "tls_certificate": self.servers.certificate,
            "tls_key": self.servers.key,
            "ca": self.ca,
        }

    @property
    def mutual(self):
        """The settings of one that also asks for certificates, and shows its own."""
        own = {"certificate": self.servers.certificate, "certificate_key": self.servers.key}
        return {**self.server, **own, "tls_client_ca": self.ca}

    def of_client(self, name="site"):
        """The settings of a client that shows a certificate."""
        return {
            "ca": self.ca,
            "certificate": self.folder / f"client-{name}.pem",
            "certificate_key": self.folder / f"client-{name}.key",
        }

    def copied(self, folder):
        """A copy with the same authority, whose files a test may change."""
        shutil.copytree(self.folder, folder)
        return Paper(
            Certificates(*(folder / name for name in ("ca.pem", "server.pem", "server.key"))),
            folder,
        )

    def renew(self, days=1):
        """Make the certificates anew."""
        make_certificates(self.folder, ["127.0.0.1"], ["site"], days)


def _made(folder, days=1):
    made = make_certificates(folder, ["127.0.0.1"], ["site"], days)
    return Paper(made, folder)


@pytest.fixture(scope="session")
def paper(tmp_path_factory):
    """Return the certificates of a network."""
    return _made(tmp_path_factory.mktemp("certificates") / "ours")


@pytest.fixture(scope="session")
def strange_paper(tmp_path_factory):
    """Return the certificates of somebody else."""
    return _made(tmp_path_factory.mktemp("certificates") / "theirs")


@pytest.fixture(scope="session")
def expired_paper(paper, tmp_path_factory):
    """Return certificates of the network's authority that ended half an hour ago."""
    copy = paper.copied(tmp_path_factory.mktemp("certificates") / "expired")
    copy.renew(days=-0.5 / 24)
    return copy
