"""A backend over TLS that responds with the request it received."""

import datetime
import ipaddress
import json
import pathlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.http_server import HttpServer, QuietHandler


class EchoBackend(HttpServer):
    """`certificate_file` contains the self-signed certificate that clients have to trust."""

    def __init__(self, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate_file = folder / "backend.pem"
        self.certificate_file.write_bytes(self_signed_certificate())

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate_file)
        super().__init__(Echo, context)


class Echo(QuietHandler):
    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = {"method": self.command, "path": path, "query": query, "headers": headers}
        self.respond(json.dumps(request).encode())

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET


def self_signed_certificate(address: str = "127.0.0.1", is_authority: bool = True) -> bytes:
    """Returns a private key and its certificate for an IP address, as PEM.

    Some clients accept a server's own certificate only if it is that of an authority, others only
    if it is not.
    """
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "backend")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    day = datetime.timedelta(days=1)

    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    )
    builder = (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
    )
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=is_authority, path_length=None), critical=True
    )

    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + builder.sign(key, hashes.SHA256()).public_bytes(pem)
