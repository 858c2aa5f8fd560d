import json

from tollgate import with_tollgate


@with_tollgate
def handler(event, lambda_context):
    """Returns the caller's plan and key, as the authorizer determined them."""
    context = event["requestContext"]["authorizer"]["lambda"]
    body = {"path": event["rawPath"], "plan": context["plan"], "key_id": context["key_id"]}
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body),
    }
