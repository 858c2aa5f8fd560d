"""Properties beside the schemas: SAM's, CloudFormation's, and the AWS services' own words for what those leave open."""

from __future__ import annotations

import functools
import importlib
import json
import re
from typing import Any

import botocore.loaders
import jsonschema
import regex
from botocore.model import ServiceModel, Shape
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from jsonschema import validators

from .document import Template, place
from .evaluation import Position, Unknown

REGION = "us-east-1"
# Whose request takes what a resource has, so that its enumerations and bounds hold for the resource.
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
    """What SAM itself does not know, and policies by names that mean nothing."""
    found = []
    for name, resource in template.body["Resources"].items():
        if resource["Type"].startswith("AWS::Serverless::"):
            found += [f"{name}.{mistake}" for mistake in mistakes_of_sam(resource)]
            found += [f"{name}.Policies: {mistake}" for mistake in mistakes_of_policies(resource)]
    return found


def mistakes_of_sam(resource: dict[str, Any]) -> list[str]:
    module = "aws_" + resource["Type"].removeprefix("AWS::").lower().replace("::", "_")
    try:
        schema = importlib.import_module(f"samtranslator.internal.schema_source.{module}").Resource
    except ImportError:
        return [f"Type: {resource['Type']} is no type of SAM"]
    try:
        schema.parse_obj(resource)
    except ValueError as error:
        return [f"{place(*mistake['loc'])}: {mistake['msg']}" for mistake in error.errors()]
    return []


@functools.cache
def policy_templates() -> frozenset[str]:
    data = importlib.import_module("samtranslator.policy_templates_data")
    (path,) = data.__path__
    with open(f"{path}/policy_templates.json") as text:
        return frozenset(json.load(text)["Templates"])


def mistakes_of_policies(resource: dict[str, Any]) -> list[str]:
    policies = resource.get("Properties", {}).get("Policies", [])
    found = []
    for policy in policies if isinstance(policies, list) else [policies]:
        if isinstance(policy, str) and not policy.startswith("arn:"):
            found.append(f"{policy} is no ARN")
        known = {"Statement", "Ref"} | policy_templates()
        if isinstance(policy, dict) and not known & set(policy) and not intrinsic(policy):
            found.append(f"{'/'.join(policy)} is neither a policy nor a template of one")
    return found


def intrinsic(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("Fn::")


@functools.lru_cache(maxsize=None)
def mistakes(kind: str, properties: str) -> tuple[str, ...]:
    """Of a resolved resource, given as JSON so that the same one is looked at once."""
    given = json.loads(properties, object_hook=restored)
    return (*mistakes_of_schema(kind, given), *mistakes_of_service(kind, given))


def restored(value: dict[str, Any]) -> Any:
    return Unknown(value["unknown"]) if value.keys() == {"unknown"} else value


def findings_at(position: Position) -> list[str]:
    """What CloudFormation or the services would refuse in a position."""
    found = []
    for name, resource in position.resources.items():
        properties = json.dumps(resource.get("Properties", {}), default=lambda it: {"unknown": it.text}, sort_keys=True)
        found += [f"{name}.{mistake}" for mistake in mistakes(resource["Type"], properties)]
    return found


# -- CloudFormation's schemas --------------------------------------------------------------------------------


def _is_number(_: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return bool(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value))
    return isinstance(value, (int, float))


# CloudFormation takes numbers and booleans as text, and texts as either.
TYPES = jsonschema.Draft7Validator.TYPE_CHECKER.redefine_many({
    "integer": lambda _, value: _is_number(_, value) and float(value).is_integer(),
    "number": _is_number,
    "boolean": lambda _, value: isinstance(value, bool) or value in ("true", "false"),
    "string": lambda _, value: isinstance(value, (str, int, float, bool)),
})


def _known_alone(check: Any) -> Any:
    """Nothing can be said of what only a deployed stack knows."""

    def checked(validator: Any, wanted: Any, value: Any, schema: Any) -> Any:
        return () if isinstance(value, Unknown) else check(validator, wanted, value, schema) or ()

    return checked


def _enumerated(_: Any, wanted: list[Any], value: Any, __: Any) -> Any:
    texts = {json.dumps(it).strip('"').lower() if isinstance(it, bool) else str(it) for it in wanted}
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    if text not in texts:
        yield jsonschema.ValidationError(f"{value!r} is not one of {sorted(texts)}")


def _patterned(_: Any, wanted: str, value: Any, __: Any) -> Any:
    # The schemas' expressions know classes of characters, as \\p{L}, which Python's own do not.
    if isinstance(value, str) and not regex.search(wanted, value):
        yield jsonschema.ValidationError(f"{value!r} does not match {wanted}")


def _bounded(name: str) -> Any:
    check = jsonschema.Draft7Validator.VALIDATORS[name]

    def checked(validator: Any, wanted: Any, value: Any, schema: Any) -> Any:
        number = float(value) if isinstance(value, str) and _is_number(None, value) else value
        yield from check(validator, wanted, number, schema) or ()

    return _known_alone(checked)


SchemaValidator = validators.extend(
    jsonschema.Draft7Validator,
    {name: _known_alone(check) for name, check in jsonschema.Draft7Validator.VALIDATORS.items() if name != "$ref"}
    | {"enum": _known_alone(_enumerated), "pattern": _known_alone(_patterned)}
    | {name: _bounded(name) for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")},
    type_checker=TYPES,
)


@functools.cache
def schema_of(kind: str) -> Any:
    return SchemaValidator(PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema)


def mistakes_of_schema(kind: str, properties: dict[str, Any]) -> list[str]:
    try:
        validator = schema_of(kind)
    except Exception as error:  # its own type is private
        return [f"Type: {kind} has no schema: {error}"]
    return [f"{place(*error.absolute_path)}: {error.message[:300]}" for error in validator.iter_errors(properties)]


# -- the services' models ------------------------------------------------------------------------------------


@functools.cache
def request(service: str, operation: str) -> Shape:
    model = ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)
    return model.operation_model(operation).input_shape


def mistakes_of_service(kind: str, properties: dict[str, Any]) -> list[str]:
    if kind not in REQUESTS:
        return []
    return list(beside(request(*REQUESTS[kind]), properties, ()))


def beside(shape: Shape, value: Any, path: tuple[Any, ...]):
    """Compares what both know; a resource's own properties are CloudFormation's matter."""
    if isinstance(value, Unknown):
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        members = {name.lower(): member for name, member in shape.members.items()}
        for name, member in value.items():
            if name.lower() in members:
                yield from beside(members[name.lower()], member, (*path, name))
    elif shape.type_name == "list" and isinstance(value, list):
        for index, member in enumerate(value):
            yield from beside(shape.member, member, (*path, index))
    elif shape.type_name == "map" and isinstance(value, dict):
        for name, member in value.items():
            yield from beside(shape.value, member, (*path, name))
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield from (f"{place(*path)}: {mistake}" for mistake in beside_scalar(shape, value))


def beside_scalar(shape: Shape, value: Any) -> list[str]:
    if getattr(shape, "enum", None) and str(value) not in shape.enum:
        return [f"{value!r} is not one of {sorted(shape.enum)}"]
    size = len(value) if shape.type_name == "string" and isinstance(value, str) else value
    if shape.type_name not in ("string", "integer", "long") or not _is_number(None, size):
        return []
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and float(size) < least or most is not None and float(size) > most:
        return [f"{str(value)[:80]!r} is not within {least} and {most}"]
    return []
