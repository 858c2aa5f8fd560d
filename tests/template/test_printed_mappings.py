"""`tollgate mappings`: each format is valid, and contains the mappings of the template."""

from __future__ import annotations

import json
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

import hcl2
from cfnlint.decode import decode_str
from openapi_spec_validator import validate

from template.parameter_sets import required
from template.stack import EVALUATOR, Stack
from template.templates import Template

TEMPLATE = Template.read("template.yaml")
INTEGRATIONS = {"protected": "ProtectedIntegration", "public": "PublicIntegration"}
ROUTES = {
    "ANY /_tollgate/v1/{proxy+}": "AWS_IAM",
    "GET /_tollgate/usage": "CUSTOM",
    "GET /_tollgate/openapi.json": "NONE",
}
# Other values for parameters that change mappings or routes.
CHANGED = {
    "KeyHeader": "api-key",
    "RateLimitHeaders": "x-ratelimit",
    "PublicDescription": "false",
    "CustomersPage": "true",
}
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:origin-Ab3dEf"


def run(format_: str, **parameters: str) -> subprocess.CompletedProcess[str]:
    command = [str(EVALUATOR), "mappings", "--format", format_]
    for name, value in parameters.items():
        command += ["--parameter", f"{name}={value}"]
    return subprocess.run(command, capture_output=True, text=True)


def printed(format_: str, **parameters: str) -> str:
    result = run(format_, **parameters)
    if result.returncode:
        raise AssertionError(result.stderr)
    return result.stdout


def deployed(integration: str, parameters: dict[str, str]) -> tuple[Any, Any]:
    """Returns the mappings of requests, and those of responses by status, from the template."""
    stack = Stack(TEMPLATE, required(TEMPLATE) | parameters)
    properties = stack.resources[INTEGRATIONS[integration]]["Properties"]
    responses = {
        status: {it["Destination"]: it["Source"] for it in mappings["ResponseParameters"]}
        for status, mappings in properties["ResponseParameters"].items()
    }
    return properties["RequestParameters"], responses


def from_openapi(document: dict[str, Any], integration: str) -> tuple[Any, Any]:
    integrations = document["components"]["x-amazon-apigateway-integrations"]
    found = integrations[f"Tollgate{integration.title()}"]
    return found["requestParameters"], found["responseParameters"]


def module(text: str) -> dict[str, Any]:
    """Returns the constants of an ES module, which Node reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tollgate.mjs")
        path.write_text(text)
        program = "import(process.argv[1]).then((m) => console.log(JSON.stringify({...m})))"
        command = ["node", "--eval", program, str(path)]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def unquoted(value: Any) -> Any:
    """Removes the quotes that the parser of HCL keeps around strings."""
    if isinstance(value, dict):
        items = {unquoted(name): unquoted(it) for name, it in value.items()}
        return {name: it for name, it in items.items() if not name.startswith("__")}
    if isinstance(value, list):
        return [unquoted(it) for it in value]
    if isinstance(value, str) and value[:1] == value[-1:] == '"':
        return json.loads(value).replace("$${", "${")
    return value


def terraform(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Returns the resources by type and name."""
    blocks = unquoted(hcl2.loads(text))["resource"]
    return {
        (type_, name): arguments
        for block in blocks
        for type_, named in block.items()
        for name, arguments in named.items()
    }


class Mappings(unittest.TestCase):
    maxDiff = 4_000

    def each(self) -> list[tuple[str, dict[str, str]]]:
        return [(name, it) for name in INTEGRATIONS for it in ({}, CHANGED)]

    def test_openapi_has_the_mappings_of_the_template(self) -> None:
        for name, parameters in self.each():
            document = json.loads(printed("openapi", **parameters))
            self.assertEqual(from_openapi(document, name), deployed(name, parameters))

    def test_sam_has_the_mappings_of_the_template(self) -> None:
        for name, parameters in self.each():
            body, errors = decode_str(printed("sam", **parameters))
            self.assertEqual(errors, [])
            document = body["Resources"]["Api"]["Properties"]["DefinitionBody"]
            self.assertEqual(from_openapi(document, name), deployed(name, parameters))

    def test_terraform_has_the_mappings_of_the_template(self) -> None:
        for name, parameters in self.each():
            resources = terraform(printed("terraform", **parameters))
            found = resources["aws_apigatewayv2_integration", f"tollgate_{name}"]
            responses = {
                str(it["status_code"]): it["mappings"] for it in found["response_parameters"]
            }
            self.assertEqual((found["request_parameters"], responses), deployed(name, parameters))

    def test_cdk_has_the_mappings_of_the_template(self) -> None:
        for name, parameters in self.each():
            found = module(printed("cdk", **parameters))[f"{name}Integration"]
            responses = {
                status: {it["Destination"]: it["Source"] for it in mappings["ResponseParameters"]}
                for status, mappings in found["responseParameters"].items()
            }
            self.assertEqual((found["requestParameters"], responses), deployed(name, parameters))


class Routes(unittest.TestCase):
    def test_terraform_has_the_routes_with_their_authorization(self) -> None:
        resources = terraform(printed("terraform"))
        routes = [it for (type_, _), it in resources.items() if type_ == "aws_apigatewayv2_route"]
        self.assertEqual({it["route_key"]: it["authorization_type"] for it in routes}, ROUTES)
        for route in routes:
            is_custom = route["authorization_type"] == "CUSTOM"
            self.assertEqual("authorizer_id" in route, is_custom, route["route_key"])

    def test_cdk_has_the_routes_with_their_authorization(self) -> None:
        routes = module(printed("cdk"))["limiterRoutes"]
        self.assertEqual({it["routeKey"]: it["authorizationType"] for it in routes}, ROUTES)

    def test_routes_follow_the_parameters(self) -> None:
        routes = module(printed("cdk", **CHANGED))["limiterRoutes"]
        keys = {it["routeKey"] for it in routes}
        self.assertIn("GET /_tollgate/account", keys)
        self.assertNotIn("GET /_tollgate/openapi.json", keys)

    def test_openapi_is_valid_and_no_decision_is_cached(self) -> None:
        document = json.loads(printed("openapi"))
        validate(document)
        schemes = document["components"]["securitySchemes"]
        authorizer = schemes["Tollgate"]["x-amazon-apigateway-authorizer"]
        self.assertEqual(authorizer["authorizerResultTtlInSeconds"], 0)
        self.assertNotIn("identitySource", authorizer)
        security = {
            path: operation["security"]
            for path, methods in document["paths"].items()
            for operation in methods.values()
        }
        self.assertEqual(
            security,
            {
                "/_tollgate/v1/{proxy+}": [{"AWS_IAM": []}],
                "/_tollgate/usage": [{"Tollgate": []}],
                "/_tollgate/openapi.json": [],
            },
        )

    def test_sam_transform_keeps_each_authorization(self) -> None:
        body, _ = decode_str(printed("sam"))
        template = Template("printed", json.loads(json.dumps(body)))
        values = dict.fromkeys(template.parameters, "value")
        api = template.expanded(values)["Resources"]["Api"]
        document = api["Properties"]["Body"]
        paths = document["paths"]

        admin = paths["/_tollgate/v1/{proxy+}"]["x-amazon-apigateway-any-method"]
        self.assertEqual(admin["security"], [{"AWS_IAM": []}])
        self.assertEqual(paths["/_tollgate/usage"]["get"]["security"], [{"Tollgate": []}])
        public = paths["/_tollgate/openapi.json"]["get"].get("security", [])
        self.assertFalse([it for it in public if it.keys() & {"Tollgate", "AWS_IAM"}], public)
        scheme = document["components"]["securitySchemes"]["Tollgate"]
        authorizer = scheme["x-amazon-apigateway-authorizer"]
        self.assertEqual(authorizer["authorizerResultTtlInSeconds"], 0)
        self.assertIs(authorizer["enableSimpleResponses"], True)
        self.assertFalse(authorizer.get("identitySource"))


class OriginSecret(unittest.TestCase):
    """Only CloudFormation resolves a dynamic reference. Elsewhere it would be sent as it is."""

    def test_tools_other_than_cloudformation_get_a_variable(self) -> None:
        for format_, expected in {
            "terraform": '"overwrite:header.x-tollgate-origin" = var.origin_secret',
            "openapi": '"overwrite:header.x-tollgate-origin": "${origin_secret}"',
        }.items():
            text = printed(format_, OriginSecretArn=SECRET)
            self.assertNotIn("{{resolve:", text, format_)
            self.assertIn(expected, text, format_)
        terraform(printed("terraform", OriginSecretArn=SECRET))

    def test_cloudformation_gets_the_dynamic_reference(self) -> None:
        for format_ in ("sam", "cdk"):
            text = printed(format_, OriginSecretArn=SECRET)
            self.assertIn(f"{{{{resolve:secretsmanager:{SECRET}:SecretString", text, format_)


class Errors(unittest.TestCase):
    def test_template_without_integrations_is_an_error(self) -> None:
        result = run("sam", HttpApiId="none")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("no `LimiterIntegration` for these parameters", result.stderr)

    def test_unknown_parameter_or_format_is_an_error(self) -> None:
        self.assertIn("there is no parameter `Nothing`", run("cdk", Nothing="1").stderr)
        self.assertEqual(run("pulumi").returncode, 2)
