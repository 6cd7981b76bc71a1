"""Downloads over TLS and through proxies, as the environment asks, and what is asked of a server."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from needledrop.errors import DownloadError
from needledrop_models.catalog import PublicFile
from needledrop_models.download import Patience, download
from tests.unit.models.server import Answer, FileServer, serving

BODY = bytes(range(256)) * 100
FILE = PublicFile("weights.bin", "http://example.org/weights.bin", "none", limit=1 << 20, size=len(BODY))
PROXY_SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxy_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_SETTINGS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving({"weights.bin": BODY}) as state:
        yield state


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that it signed itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = built.add_extension(address, critical=False).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[FileServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving({"weights.bin": BODY}, context) as state:
        yield state


def get(url: str, folder: Path) -> bytes:
    return download(FILE, url, folder, Patience(sleep=lambda _: None), lambda *_: None).read_bytes()


def test_a_certificate_is_trusted_if_ssl_cert_file_holds_it(
    tls_server: FileServer, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DownloadError, match="CERTIFICATE_VERIFY_FAILED"):
        get(f"{tls_server.url}/weights.bin", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert get(f"{tls_server.url}/weights.bin", tmp_path) == BODY


def test_a_redirect_from_https_is_followed_to_https_only(
    tls_server: FileServer, server: FileServer, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_server.plan = [Answer(location="/elsewhere/weights.bin")]
    assert get(f"{tls_server.url}/weights.bin", tmp_path) == BODY
    tls_server.plan = [Answer(location=f"{server.url}/weights.bin")]
    with pytest.raises(DownloadError, match=r"expected status 200 from 127\.0\.0\.1, 302 came"):
        get(f"{tls_server.url}/another/weights.bin", tmp_path)
    assert server.asked == []


def test_a_redirect_from_http_to_https_is_followed(
    tls_server: FileServer, server: FileServer, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server.plan = [Answer(location=f"{tls_server.url}/weights.bin")]
    assert get(f"{server.url}/weights.bin", tmp_path) == BODY


def test_the_environments_proxy_is_asked_for_the_whole_address(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert get(FILE.url, tmp_path) == BODY
    assert server.hosts == ["example.org"]


def test_hosts_in_no_proxy_are_asked_themselves(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
        assert get(f"{server.url}/weights.bin", tmp_path) == BODY
        assert proxy.asked == []


def test_https_goes_through_its_proxy_as_a_tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of this test opens no tunnels and says so: 501."""
    with serving({}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(DownloadError, match="ProxyError: 501"):
            get("https://example.org/weights.bin", tmp_path)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "gopher://127.0.0.1:1")
    with pytest.raises(DownloadError, match=r"weights\.bin: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY can't be"):
        get(FILE.url, tmp_path)


def test_an_address_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"weights\.bin: http://127\.0\.0\.1:x/y is not"):
        get("http://127.0.0.1:x/y", tmp_path)


def test_the_server_is_asked_for_plain_bytes_by_a_named_client(server: FileServer, tmp_path: Path) -> None:
    get(f"{server.url}/weights.bin", tmp_path)
    assert server.headers["Accept-Encoding"] == "identity"
    assert server.headers["User-Agent"] == "needledrop-models"


def test_bytes_that_are_said_to_be_encoded_are_kept_as_they_come(server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(encoding="gzip")
    assert get(f"{server.url}/weights.bin", tmp_path) == BODY


def test_a_version_beyond_ascii_may_be_asked_for(server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(tag='"ü"')
    server.plan = [Answer(tag='"ü"', cut=1000)]
    assert get(f"{server.url}/weights.bin", tmp_path) == BODY
    assert server.asked[-1] == ("weights.bin", "bytes=1000-")
