"""Warm calls of an authorizer that verifies tokens with PyJWT, from the text of the event to the
text of the response.

`calls.py ALGORITHM EVENTS.jsonl JWKS.json` prints microseconds per call, one number for each
hundred calls.
"""

import json
import pathlib
import sys
import time

import jwt
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerEventV2,
    APIGatewayAuthorizerResponseV2,
)

BATCH_SIZE = 100
algorithm, events, key_set = sys.argv[1:]
keys = jwt.PyJWKSet.from_json(pathlib.Path(key_set).read_text())
options = {"require": ["exp", "iss", "aud"]}


def authorize(text: str) -> str:
    event = APIGatewayAuthorizerEventV2(json.loads(text))
    token = event.headers["authorization"].removeprefix("Bearer ")
    key = keys[jwt.get_unverified_header(token)["kid"]]

    claims = jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        issuer="https://issuer.example",
        audience="https://api.example",
        options=options,
    )
    context = {"user_id": claims["sub"], "plan": claims["plan"]}
    return json.dumps(APIGatewayAuthorizerResponseV2(authorize=True, context=context).asdict())


def main():
    lines = pathlib.Path(events).read_text().split("\n")

    batches = []
    for start in range(0, len(lines) - BATCH_SIZE + 1, BATCH_SIZE):
        begin = time.perf_counter()
        for line in lines[start : start + BATCH_SIZE]:
            authorize(line)
        batches.append((time.perf_counter() - begin) * 1e6 / BATCH_SIZE)
    # The first calls import and compile modules.
    print(json.dumps(batches[2:]))


main()
