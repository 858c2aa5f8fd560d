"""An identity provider of a drill's own: signing keys, a key set over HTTP, tokens."""

import base64
import http.server
import json
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from rig.processes import free_port

AUDIENCE = "https://api.example.com"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SigningKey:
    """A P-256 key with its `kid`."""

    def __init__(self, kid: str):
        self.kid, self.private = kid, ec.generate_private_key(ec.SECP256R1())

    def jwk(self) -> dict:
        numbers = self.private.public_key().public_numbers()
        x, y = (base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid, "x": x, "y": y}

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Issuer:
    """Publishes keys at its address while it runs. `published` may change at any time."""

    def __init__(self, *published: SigningKey):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.published = list(published)
        self.fetches: list[float] = []
        self.server = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        issuer = self

        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.fetches.append(time.monotonic())
                body = json.dumps({"keys": [key.jwk() for key in issuer.published]}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def policy(self) -> dict:
        """A policy that trusts it, beside API keys."""
        trusted = {
            "issuer": "https://issuer.example.com",
            "audiences": [AUDIENCE],
            "jwks_uri": f"{self.url}/jwks.json",
            "default_plan": "people",
        }
        return {"issuers": [trusted], "rules": [{"match": "ANY /{proxy+}", "auth": "any"}]}

    @staticmethod
    def token(key: SigningKey, subject: str, lifetime_s: int = 3600) -> str:
        now = int(time.time())
        claims = {
            "iss": "https://issuer.example.com",
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + lifetime_s,
        }
        header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{base64url(key.sign(signed.encode()))}"
