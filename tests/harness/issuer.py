"""An identity provider for tests: signing keys, tokens, and a JWK set over HTTP."""

import base64
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from harness.http_server import HttpServer, QuietHandler

ISSUER = "https://issuer.example.com"
AUDIENCE = "https://api.example.com"


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class SigningKey:
    """A P-256 key with its key ID."""

    def __init__(self, kid: str) -> None:
        self.kid, self.private = kid, ec.generate_private_key(ec.SECP256R1())

    def jwk(self) -> dict:
        numbers = self.private.public_key().public_numbers()
        x, y = (base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {
            "kty": "EC",
            "crv": "P-256",
            "use": "sig",
            "alg": "ES256",
            "kid": self.kid,
            "x": x,
            "y": y,
        }

    def token(self, subject: str, lifetime_s: int = 3600, **claims: object) -> str:
        """Returns an access token (RFC 9068) of `ISSUER` for `AUDIENCE`."""
        now = int(time.time())
        standard = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + lifetime_s,
        }
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self.kid}

        signed = ".".join(
            base64url(json.dumps(part).encode()) for part in (header, standard | claims)
        )
        return f"{signed}.{base64url(self._sign(signed.encode()))}"

    def _sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Issuer(HttpServer):
    """Serves a JWK set. `published` may be replaced at any time; `fetches` are times of the
    monotonic clock.
    """

    def __init__(self, *published: SigningKey) -> None:
        issuer = self

        class KeySet(QuietHandler):
            # One request per connection, so that no open connection outlives `stop`.
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                issuer.fetches.append(time.monotonic())
                self.respond(json.dumps({"keys": [key.jwk() for key in issuer.published]}).encode())

        super().__init__(KeySet)
        self.published = list(published)
        self.fetches: list[float] = []

    def policy(self) -> dict:
        """Returns a policy that accepts this issuer's tokens as well as API keys."""
        trusted = {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "jwks_uri": f"{self.url}/jwks.json",
            "default_plan": "people",
        }
        return {"issuers": [trusted], "rules": [{"match": "ANY /{proxy+}", "auth": "any"}]}
