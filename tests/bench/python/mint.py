"""Prints a token, signed with a fixture key, and the JWK set that verifies it: `mint.py KEY.pem
ISSUER AUDIENCE PLAN`.
"""

import json
import pathlib
import sys
import time

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

pem, issuer, audience, plan = sys.argv[1:]
key = load_pem_private_key(pathlib.Path(pem).read_bytes(), None)
now = int(time.time())
claims = {
    "iss": issuer,
    "aud": audience,
    "sub": "alice",
    "iat": now,
    "exp": now + 3600,
    "plan": plan,
}
token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "RS256", "typ": "at+jwt"})
public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
keys = {
    "keys": [
        {
            "kty": "RSA",
            "n": public["n"],
            "e": public["e"],
            "use": "sig",
            "alg": "RS256",
            "kid": "RS256",
        }
    ]
}
print(json.dumps({"token": token, "jwks": keys}))
