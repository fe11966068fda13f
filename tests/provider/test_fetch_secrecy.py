"""What a fetch promises about TLS, and that it tells and logs no secret."""

from __future__ import annotations

import logging
import socket
import ssl
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from syncd.errors import ParkError, ProviderError, RetryError
from syncd.provider.fetch import Fetched

from .loopback import Answer, Server, always, fetcher, refused, reply, serving

SECRET = "private-8f3a91"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for feeds.example, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "feeds.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("feeds.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "feeds.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def serving_tls(answer: Answer, certificate: Path) -> Iterator[tuple[Server, list[str | None]]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with serving(answer, context) as server:
        yield server, names


def get_tls(server: Server, host: str, verify: bool | str) -> Fetched:
    return fetcher(verify=verify).get(f"https://{host}:{server.port}/")


def test_tls_asks_for_and_checks_the_name_not_the_address(certificate: Path) -> None:
    with serving_tls(always(reply()), certificate) as (server, names):
        assert get_tls(server, "feeds.example", str(certificate)).status == 200
    assert names == ["feeds.example"]
    assert f"Host: feeds.example:{server.port}\r\n" in server.heads[0]


@pytest.mark.parametrize(("host", "trusted"), [("other.example", True), ("feeds.example", False)])
def test_a_certificate_of_another_name_or_authority_is_refused(certificate: Path, host: str, trusted: bool) -> None:
    with serving_tls(always(reply()), certificate) as (server, _), pytest.raises(ParkError) as caught:
        get_tls(server, host, str(certificate) if trusted else True)
    assert caught.value.code == "tls"
    assert server.heads == []


def test_a_redirect_from_https_to_http_is_refused(certificate: Path) -> None:
    with serving(always(reply())) as plain:
        away = reply(302, Location=f"http://feeds.example:{plain.port}/")
        with serving_tls(always(away), certificate) as (server, _), pytest.raises(ParkError) as caught:
            get_tls(server, "feeds.example", str(certificate))
    assert caught.value.code == "downgrade_refused"
    assert plain.heads == []


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        reply(),
        reply(404),
        reply(302, Location=f"ftp://x.example/{SECRET}"),
        reply(302, Location=f"http://[{SECRET}"),
        reply(body=b"x" * 5000),
        b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nBEGIN",
        b"HTTP/1.1 200 X\r\nbad header\r\n\r\n",
        b"",
    ],
)
def test_nothing_of_the_path_query_or_user_info_is_told_or_logged(
    answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = ""
    with serving(always(answer)) as server:
        try:
            fetcher(limits={"max_bytes": 1000}).get(
                f"http://u:{SECRET}@feeds.example:{server.port}/{SECRET}/basic.ics?k={SECRET}"
            )
        except ProviderError as error:
            told = "".join(traceback.format_exception(error)) + error.remedy
    assert SECRET not in told + caplog.text


def test_a_host_that_cannot_be_connected_to_is_told_without_the_path(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = refused(fetcher(), f"http://feeds.example:{port}/{SECRET}")
    assert (type(error), error.code) == (RetryError, "unreachable")
    told = "".join(traceback.format_exception(error)) + error.remedy
    assert SECRET not in told + caplog.text


def test_logging_of_others_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3.connectionpool").debug("a call of somebody else")
    assert "somebody else" in caplog.text
