"""Properties of resources, compared with the schemas of SAM and CloudFormation and the models of
the AWS services.
"""

from __future__ import annotations

import functools
import importlib
import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.loaders
import jsonschema
import regex
from botocore.model import ServiceModel, Shape
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from jsonschema import validators

from template.stack import Stack, Unknown
from template.templates import Template, dotted

REGION = "us-east-1"
# The requests with the same fields as a resource. Their allowed values and ranges also apply to the
# resource.
REQUESTS = {
    "AWS::ApiGatewayV2::Api": ("apigatewayv2", "CreateApi"),
    "AWS::ApiGatewayV2::ApiMapping": ("apigatewayv2", "CreateApiMapping"),
    "AWS::ApiGatewayV2::Authorizer": ("apigatewayv2", "CreateAuthorizer"),
    "AWS::ApiGatewayV2::DomainName": ("apigatewayv2", "CreateDomainName"),
    "AWS::ApiGatewayV2::Integration": ("apigatewayv2", "CreateIntegration"),
    "AWS::ApiGatewayV2::Route": ("apigatewayv2", "CreateRoute"),
    "AWS::ApiGatewayV2::Stage": ("apigatewayv2", "CreateStage"),
    "AWS::ApiGatewayV2::VpcLink": ("apigatewayv2", "CreateVpcLink"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "PutMetricAlarm"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch", "PutCompositeAlarm"),
    "AWS::DynamoDB::Table": ("dynamodb", "CreateTable"),
    "AWS::EC2::VPCEndpoint": ("ec2", "CreateVpcEndpoint"),
    "AWS::ElasticLoadBalancingV2::Listener": ("elbv2", "CreateListener"),
    "AWS::ElasticLoadBalancingV2::ListenerRule": ("elbv2", "CreateRule"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("elbv2", "CreateLoadBalancer"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("elbv2", "CreateTargetGroup"),
    "AWS::Events::ApiDestination": ("events", "CreateApiDestination"),
    "AWS::Events::Connection": ("events", "CreateConnection"),
    "AWS::Events::Rule": ("events", "PutRule"),
    "AWS::Lambda::EventInvokeConfig": ("lambda", "PutFunctionEventInvokeConfig"),
    "AWS::Lambda::EventSourceMapping": ("lambda", "CreateEventSourceMapping"),
    "AWS::Lambda::Function": ("lambda", "CreateFunction"),
    "AWS::Logs::MetricFilter": ("logs", "PutMetricFilter"),
    "AWS::Logs::SubscriptionFilter": ("logs", "PutSubscriptionFilter"),
    "AWS::Route53Resolver::ResolverEndpoint": ("route53resolver", "CreateResolverEndpoint"),
    "AWS::Route53Resolver::ResolverRule": ("route53resolver", "CreateResolverRule"),
}


def findings(template: Template) -> list[str]:
    """Finds properties that SAM does not know, and unknown names of policies."""
    found = []
    for name, resource in template.body["Resources"].items():
        if resource["Type"].startswith("AWS::Serverless::"):
            found += [f"{name}.{error}" for error in sam_errors(resource)]
            found += [f"{name}.Policies: {error}" for error in policy_errors(resource)]
    return found


def sam_errors(resource: dict[str, Any]) -> list[str]:
    module = "aws_" + resource["Type"].removeprefix("AWS::").lower().replace("::", "_")
    try:
        schema = importlib.import_module(f"samtranslator.internal.schema_source.{module}").Resource
    except ImportError:
        return [f"Type: {resource['Type']} is not a type of SAM"]
    try:
        schema.parse_obj(resource)
    except ValueError as exception:
        return [f"{dotted(*error['loc'])}: {error['msg']}" for error in exception.errors()]
    return []


@functools.cache
def policy_templates() -> frozenset[str]:
    data = importlib.import_module("samtranslator.policy_templates_data")
    (path,) = data.__path__
    with open(f"{path}/policy_templates.json") as text:
        return frozenset(json.load(text)["Templates"])


def policy_errors(resource: dict[str, Any]) -> list[str]:
    policies = resource.get("Properties", {}).get("Policies", [])
    found = []
    for policy in policies if isinstance(policies, list) else [policies]:
        if isinstance(policy, str) and not policy.startswith("arn:"):
            found.append(f"{policy} is not an ARN")
        known = {"Statement", "Ref"} | policy_templates()
        if isinstance(policy, dict) and not known & set(policy) and not is_function_call(policy):
            found.append(f"{'/'.join(policy)} is neither a policy nor a policy template")
    return found


def is_function_call(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("Fn::")


@functools.lru_cache(maxsize=None)
def resource_errors(type_: str, properties: str) -> tuple[str, ...]:
    """Checks an evaluated resource. `properties` is JSON, so that equal resources are checked once."""
    decoded = json.loads(properties, object_hook=decode_unknown)
    return (*schema_errors(type_, decoded), *service_errors(type_, decoded))


def decode_unknown(value: dict[str, Any]) -> Any:
    return Unknown(value["unknown"]) if value.keys() == {"unknown"} else value


def stack_errors(stack: Stack) -> list[str]:
    """Finds properties that CloudFormation or the services would reject."""
    found = []
    for name, resource in stack.resources.items():
        properties = json.dumps(
            resource.get("Properties", {}), default=lambda it: {"unknown": it.text}, sort_keys=True
        )
        found += [f"{name}.{error}" for error in resource_errors(resource["Type"], properties)]
    return found


def _is_number(_: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return bool(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value))
    return isinstance(value, (int, float))


# CloudFormation accepts numbers and booleans as strings, and the reverse.
TYPES = jsonschema.Draft7Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: _is_number(_, value) and float(value).is_integer(),
        "number": _is_number,
        "boolean": lambda _, value: isinstance(value, bool) or value in ("true", "false"),
        "string": lambda _, value: isinstance(value, (str, int, float, bool)),
    }
)


def _unless_unknown(check: Any) -> Any:
    """Skips values that only a deployment can resolve."""

    def checked(validator: Any, expected: Any, value: Any, schema: Any) -> Any:
        return () if isinstance(value, Unknown) else check(validator, expected, value, schema) or ()

    return checked


def _check_enum(_: Any, expected: list[Any], value: Any, __: Any) -> Any:
    texts = {
        json.dumps(it).strip('"').lower() if isinstance(it, bool) else str(it) for it in expected
    }
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    if text not in texts:
        yield jsonschema.ValidationError(f"{value!r} is not one of {sorted(texts)}")


def _check_pattern(_: Any, expected: str, value: Any, __: Any) -> Any:
    # The patterns contain character classes such as \\p{L}, which Python's `re` does not support.
    if isinstance(value, str) and not regex.search(expected, value):
        yield jsonschema.ValidationError(f"{value!r} does not match {expected}")


def _check_bound(name: str) -> Any:
    check = jsonschema.Draft7Validator.VALIDATORS[name]

    def checked(validator: Any, expected: Any, value: Any, schema: Any) -> Any:
        number = float(value) if isinstance(value, str) and _is_number(None, value) else value
        yield from check(validator, expected, number, schema) or ()

    return _unless_unknown(checked)


SchemaValidator = validators.extend(
    jsonschema.Draft7Validator,
    {
        name: _unless_unknown(check)
        for name, check in jsonschema.Draft7Validator.VALIDATORS.items()
        if name != "$ref"
    }
    | {"enum": _unless_unknown(_check_enum), "pattern": _unless_unknown(_check_pattern)}
    | {
        name: _check_bound(name)
        for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    },
    type_checker=TYPES,
)


@functools.cache
def schema_of(type_: str) -> Any:
    return SchemaValidator(PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type_).schema)


def schema_errors(type_: str, properties: dict[str, Any]) -> list[str]:
    try:
        validator = schema_of(type_)
    except Exception as error:  # The type of the exception is private.
        return [f"Type: {type_} has no schema: {error}"]
    return [
        f"{dotted(*error.absolute_path)}: {error.message[:300]}"
        for error in validator.iter_errors(properties)
    ]


@functools.cache
def request_shape(service: str, operation: str) -> Shape:
    model = ServiceModel(
        botocore.loaders.Loader().load_service_model(service, "service-2"), service
    )
    return model.operation_model(operation).input_shape


def service_errors(type_: str, properties: dict[str, Any]) -> list[str]:
    if type_ not in REQUESTS:
        return []
    return list(shape_errors(request_shape(*REQUESTS[type_]), properties, ()))


def shape_errors(shape: Shape, value: Any, path: tuple[Any, ...]) -> Iterator[str]:
    """Compares the fields that the request and the resource have in common."""
    if isinstance(value, Unknown):
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        fields = {name.lower(): field for name, field in shape.members.items()}
        for name, item in value.items():
            if name.lower() in fields:
                yield from shape_errors(fields[name.lower()], item, (*path, name))
    elif shape.type_name == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from shape_errors(shape.member, item, (*path, index))
    elif shape.type_name == "map" and isinstance(value, dict):
        for name, item in value.items():
            yield from shape_errors(shape.value, item, (*path, name))
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield from (f"{dotted(*path)}: {error}" for error in scalar_errors(shape, value))


def scalar_errors(shape: Shape, value: Any) -> list[str]:
    if getattr(shape, "enum", None) and str(value) not in shape.enum:
        return [f"{value!r} is not one of {sorted(shape.enum)}"]

    size = len(value) if shape.type_name == "string" and isinstance(value, str) else value
    if shape.type_name not in ("string", "integer", "long") or not _is_number(None, size):
        return []
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if (
        minimum is not None
        and float(size) < minimum
        or maximum is not None
        and float(size) > maximum
    ):
        return [f"{str(value)[:80]!r} is not between {minimum} and {maximum}"]
    return []
