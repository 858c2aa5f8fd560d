"""Makes an API with a Body into an API of separate resources, because the emulator creates an HTTP API
without its Body.
"""

ANY = "x-amazon-apigateway-any-method"
API = "AWS::ApiGatewayV2"


def with_separate_resources(template: dict, api: str) -> dict:
    """Returns a template in which the API with this logical ID has no Body but the same authorizer,
    integrations and routes.
    """
    resources = dict(template["Resources"])
    body = resources[api]["Properties"]["Body"]
    properties = {"Name": body["info"]["title"], "ProtocolType": "HTTP"}
    resources[api] = resources[api] | {"Properties": properties}

    resources |= authorizers(api, body["components"]["securitySchemes"])
    for number, (path, method, operation) in enumerate(operations(body)):
        name = f"{api}Body{number}"
        resources[f"{name}Integration"] = integration(api, operation)
        resources[f"{name}Route"] = route(api, f"{method} {path}", f"{name}Integration", operation)
    return template | {"Resources": resources}


def operations(body: dict) -> list[tuple[str, str, dict]]:
    return [
        (path, "ANY" if method == ANY else method.upper(), operation)
        for path, methods in body["paths"].items()
        for method, operation in methods.items()
    ]


def authorizers(api: str, schemes: dict) -> dict[str, dict]:
    """Returns the Lambda authorizers by logical ID. `AWS_IAM` needs none."""
    found = {}
    for name, scheme in schemes.items():
        settings = scheme.get("x-amazon-apigateway-authorizer")
        if settings:
            found[api + name] = {
                "Type": f"{API}::Authorizer",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "Name": name,
                    "AuthorizerType": settings["type"].upper(),
                    "AuthorizerUri": settings["authorizerUri"],
                    "AuthorizerPayloadFormatVersion": settings["authorizerPayloadFormatVersion"],
                    "AuthorizerResultTtlInSeconds": settings["authorizerResultTtlInSeconds"],
                    "EnableSimpleResponses": settings["enableSimpleResponses"],
                    "IdentitySource": settings.get("identitySource", []),
                },
            }
    return found


def integration(api: str, operation: dict) -> dict:
    settings = operation["x-amazon-apigateway-integration"]
    return {
        "Type": f"{API}::Integration",
        "Properties": {
            "ApiId": {"Ref": api},
            "IntegrationType": settings["type"].upper(),
            "IntegrationMethod": settings["httpMethod"],
            "IntegrationUri": settings["uri"],
            "PayloadFormatVersion": settings["payloadFormatVersion"],
        },
    }


def route(api: str, key: str, integration: str, operation: dict) -> dict:
    """Returns a route. An operation must have exactly one security scheme."""
    ((scheme,),) = operation["security"]
    properties = {
        "ApiId": {"Ref": api},
        "RouteKey": key,
        "Target": {"Fn::Sub": f"integrations/${{{integration}}}"},
    }
    if scheme in ("AWS_IAM", "NONE"):
        properties["AuthorizationType"] = scheme
    else:
        properties |= {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": api + scheme}}
    return {"Type": f"{API}::Route", "Properties": properties}
