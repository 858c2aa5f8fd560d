"""An authorizer as one would write it for Python: a token by PyJWT, a plan and a token bucket in DynamoDB."""

import http.client
import json
import os
import time

import boto3
import jwt

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]
REGISTRY_TABLE, USAGE_TABLE = os.environ["REGISTRY_TABLE"], os.environ["USAGE_TABLE"]
dynamodb = boto3.client("dynamodb")
keys = jwt.PyJWKClient(os.environ["JWKS_URI"])


def throttle_of(plan):
    item = dynamodb.get_item(TableName=REGISTRY_TABLE, Key={"pk": {"S": "plan"}, "sk": {"S": plan}})["Item"]
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
    """The bucket as the time at which it will be full again, in milliseconds."""
    now, interval = time.time_ns() // 1_000_000, 1000 / throttle["rate"]
    full = "attribute_not_exists(full_at) OR full_at <= :now"
    if update(id, full, "SET full_at = :next", {":now": now, ":next": now + interval}):
        return True
    values = {":now": now, ":latest": now + (throttle["burst"] - 1) * interval, ":interval": interval}
    return update(id, "full_at BETWEEN :now AND :latest", "SET full_at = full_at + :interval", values)


def handle(event):
    token = event["headers"]["authorization"].removeprefix("Bearer ")
    key = keys.get_signing_key_from_jwt(token)
    options = {"require": ["exp", "iss", "aud"]}
    claims = jwt.decode(token, key, algorithms=["RS256"], issuer=ISSUER, audience=AUDIENCE, options=options)
    allowed = charge(f"python#{claims['sub']}", throttle_of(claims["plan"]))
    context = {"decision": "allowed" if allowed else "throttled", "user_id": claims["sub"], "plan": claims["plan"]}
    return {"isAuthorized": allowed, "context": context}


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    path = "/2018-06-01/runtime/invocation"
    while True:
        api.request("GET", f"{path}/next")
        invocation = api.getresponse()
        id = invocation.getheader("lambda-runtime-aws-request-id")
        event = json.load(invocation)
        try:
            outcome, answer = "response", handle(event)
        except Exception as error:
            outcome, answer = "error", {"errorType": type(error).__name__, "errorMessage": str(error)}
        api.request("POST", f"{path}/{id}/{outcome}", json.dumps(answer))
        api.getresponse().read()


main()
