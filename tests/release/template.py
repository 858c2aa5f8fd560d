"""Expands template.yaml to plain CloudFormation, which AWS CLI, Terraform and CDK can read.

The SAM transform reads the value of one parameter, GradualDeployment. Both of its expansions are
therefore merged, with the condition that the template has for it.
"""

import json
import pathlib
from typing import Any

from release import Architecture
from template.templates import FUNCTION, Template

SWITCH, CONDITION = "GradualDeployment", "DeploysGradually"
# `sam build` reads these attributes, which a release no longer needs.
BUILD_METADATA = ("BuildMethod", "BuildProperties", "SamResourceId")


class Unmergeable(Exception):
    """The two expansions differ in more than resources and update policies."""


def released(
    template: Template, version: str, architecture: Architecture, hashes: dict[str, str]
) -> dict[str, Any]:
    """Returns the template of a release.

    `hashes` has the SHA-256 of each function's archive, by the path that the template will name.
    The logical ID of the authorizer's version depends on it, so that each release publishes a
    version.
    """
    paths = {
        function: archive_path(resource["Properties"]["CodeUri"], architecture)
        for function, resource in template.resources(FUNCTION).items()
    }
    hashed = template.changed(
        lambda body: [
            body["Resources"][function]["Properties"].update(CodeUri=hashes[path])
            for function, path in paths.items()
        ]
    )

    body = merged(*(expansion(hashed, value) for value in ("false", "true")))
    for function, path in paths.items():
        body["Resources"][function]["Properties"]["Code"] = path
    for resource in body["Resources"].values():
        remove_build_metadata(resource)
    body["Parameters"]["Architecture"] = fixed(body["Parameters"]["Architecture"], architecture)
    body["Metadata"] = body.get("Metadata", {}) | serverless_repository(version)
    return body


def archive_path(code: str, architecture: Architecture) -> str:
    """Returns the path of a function's archive in the release, for a path in the sources such as
    `functions/authorizer`, or a build folder such as `AuthorizerFunction`.
    """
    return f"functions/{architecture.name}/{pathlib.PurePath(code).name}.zip"


def expansion(template: Template, value: str) -> dict[str, Any]:
    """Returns the template after the transform, with a value of the one parameter that it reads."""
    values = {
        name: parameter.get("Default", "none") for name, parameter in template.parameters.items()
    }
    return json.loads(json.dumps(template.expanded(values | {SWITCH: value})))


def merged(off: dict[str, Any], on: dict[str, Any]) -> dict[str, Any]:
    """Returns a template that is equal to `on` if the condition is true, and otherwise to `off`."""
    if off.keys() != on.keys() or any(off[key] != on[key] for key in off if key != "Resources"):
        raise Unmergeable(f"{SWITCH} changes sections other than Resources")
    if missing := off["Resources"].keys() - on["Resources"].keys():
        raise Unmergeable(f"{SWITCH} removes {sorted(missing)}")

    resources = {}
    for name, resource in on["Resources"].items():
        if name in off["Resources"]:
            resources[name] = merged_resource(name, off["Resources"][name], resource)
        elif "Condition" in resource:
            raise Unmergeable(f"{name} has the condition {resource['Condition']}, expected none")
        else:
            resources[name] = {"Condition": CONDITION, **decided(resource)}
    return on | {"Resources": resources}


def merged_resource(name: str, off: dict[str, Any], on: dict[str, Any]) -> dict[str, Any]:
    """Merges a resource that both expansions have. Only an added update policy may differ."""
    if off == on:
        return on

    update_policy = on.get("UpdatePolicy")
    if update_policy is None or off | {"UpdatePolicy": update_policy} != on:
        raise Unmergeable(f"{SWITCH} changes {name}, expected only an added UpdatePolicy")
    return on | {"UpdatePolicy": {"Fn::If": [CONDITION, update_policy, {"Ref": "AWS::NoValue"}]}}


def decided(value: Any) -> Any:
    """Replaces each choice by its first branch, for a resource that exists only if the condition is
    true.
    """
    if isinstance(value, list):
        return [decided(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::If"} and value["Fn::If"][0] == CONDITION:
        return decided(value["Fn::If"][1])
    return {key: decided(item) for key, item in value.items()}


def remove_build_metadata(resource: dict[str, Any]) -> None:
    metadata = resource.get("Metadata", {})
    for attribute in BUILD_METADATA:
        metadata.pop(attribute, None)
    if not metadata:
        resource.pop("Metadata", None)


def fixed(parameter: dict[str, Any], architecture: Architecture) -> dict[str, Any]:
    """Returns the parameter with the architecture of the archives as the only value. CloudFormation
    rejects any other.
    """
    return parameter | {
        "Default": architecture.name,
        "AllowedValues": [architecture.name],
        "Description": f"The functions of this template are built for {architecture.name}",
    }


def serverless_repository(version: str) -> dict[str, Any]:
    """Returns what `sam publish` requires for the AWS Serverless Application Repository."""
    return {
        "AWS::ServerlessRepo::Application": {
            "Name": "tollgate",
            "Description": "API keys, usage plans and exact rate limits for Amazon API Gateway",
            "Author": "Tollgate",
            "SpdxLicenseId": "Apache-2.0",
            "LicenseUrl": "LICENSE",
            "ReadmeUrl": "README.md",
            "Labels": ["api-gateway", "authorizer", "rate-limit", "api-keys", "usage-plans"],
            "SemanticVersion": version,
        }
    }
