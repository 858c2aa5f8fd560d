"""A typical authorizer in Python: Powertools, tokens verified by PyJWT, a plan and a token bucket
in DynamoDB.
"""

import json
import os
import time

import boto3
import jwt
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import event_source
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerEventV2,
    APIGatewayAuthorizerResponseV2,
)

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]
REGISTRY_TABLE, USAGE_TABLE = os.environ["REGISTRY_TABLE"], os.environ["USAGE_TABLE"]
logger = Logger(service="authorizer")
dynamodb = boto3.client("dynamodb")
keys = jwt.PyJWKClient(os.environ["JWKS_URI"])


def throttle_of(plan):
    item = dynamodb.get_item(
        TableName=REGISTRY_TABLE, Key={"pk": {"S": "plan"}, "sk": {"S": plan}}
    )["Item"]
    return json.loads(item["doc"]["S"])["throttle"]


def update(id, condition, expression, values):
    try:
        dynamodb.update_item(
            TableName=USAGE_TABLE,
            Key={"id": {"S": id}},
            ConditionExpression=condition,
            UpdateExpression=expression,
            ExpressionAttributeValues={name: {"N": str(value)} for name, value in values.items()},
        )
        return True
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False


def charge(id, throttle):
    """Charges one call. The bucket is stored as the time at which it will be full, in milliseconds."""
    now, interval = time.time_ns() // 1_000_000, 1000 / throttle["rate"]
    full = "attribute_not_exists(full_at) OR full_at <= :now"
    if update(id, full, "SET full_at = :next", {":now": now, ":next": now + interval}):
        return True

    values = {
        ":now": now,
        ":latest": now + (throttle["burst"] - 1) * interval,
        ":interval": interval,
    }
    return update(
        id, "full_at BETWEEN :now AND :latest", "SET full_at = full_at + :interval", values
    )


@logger.inject_lambda_context
@event_source(data_class=APIGatewayAuthorizerEventV2)
def handler(event, context):
    token = event.headers["authorization"].removeprefix("Bearer ")
    key = keys.get_signing_key_from_jwt(token)
    options = {"require": ["exp", "iss", "aud"]}
    claims = jwt.decode(
        token, key, algorithms=["RS256"], issuer=ISSUER, audience=AUDIENCE, options=options
    )

    allowed = charge(f"python#{claims['sub']}", throttle_of(claims["plan"]))
    context = {
        "decision": "allowed" if allowed else "throttled",
        "user_id": claims["sub"],
        "plan": claims["plan"],
    }
    logger.info("decided", **context)
    return APIGatewayAuthorizerResponseV2(authorize=allowed, context=context).asdict()
