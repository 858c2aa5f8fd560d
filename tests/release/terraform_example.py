"""Reads the Terraform example, and makes the API calls of its resources.

A real parser reads the file, but only Terraform evaluates expressions. Each expression that a
resource uses therefore has its value here, and an expression that is missing here is an error.
"""

import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import Any

import hcl2

from harness.paths import PROJECT

EXAMPLE = PROJECT / "examples" / "terraform" / "release" / "main.tf"
FUNCTION, STACK = "AWS::Lambda::Function", "AWS::CloudFormation::Stack"
# Terraform's own arguments, which are no input of an API.
META_ARGUMENTS = {"for_each", "lifecycle", "__is_block__", "__comments__"}
# The names of the arguments in the APIs PutObject and CreateStack.
ARGUMENTS = {
    "aws_s3_object": {"bucket": "Bucket", "key": "Key", "source": "Body", "content": "Body"}
    | {"content_type": "ContentType"},
    "aws_cloudformation_stack": {"name": "StackName", "template_url": "TemplateURL"}
    | {"capabilities": "Capabilities", "parameters": "Parameters"},
}


def resources() -> dict[tuple[str, str], dict[str, Any]]:
    """Returns the arguments of the resources in the example, by type and name."""
    with EXAMPLE.open() as file:
        blocks = hcl2.load(file)["resource"]
    return {
        (type_.strip('"'), name.strip('"')): arguments
        for block in blocks
        for type_, named in block.items()
        if not type_.startswith("__")
        for name, arguments in named.items()
        if not name.startswith("__")
    }


class Replay:
    """The calls of the example for a release, a bucket and parameters of the stack."""

    def __init__(
        self,
        release: pathlib.Path,
        bucket: str,
        bucket_url: str,
        stack: str,
        parameters: dict[str, str],
    ) -> None:
        self.release, self.bucket, self.bucket_url = release, bucket, bucket_url
        self.template = json.loads((release / "template.json").read_text())
        self.packaged = json.dumps(self._packaged())
        self.values: dict[str, Any] = {
            "${var.bucket}": bucket,
            "${var.stack_name}": stack,
            "${var.parameters}": [
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
            "${local.packaged}": self.packaged,
            '"tollgate/${sha256(local.packaged)}/template.json"': self._template_key(),
            '"application/json"': "application/json",
            '"CAPABILITY_IAM"': "CAPABILITY_IAM",
            '"https://${data.aws_s3_bucket.artifacts.bucket_regional_domain_name}/'
            '${aws_s3_object.template.key}"': f"{bucket_url}/{self._template_key()}",
        }

    def run(self, put_object: Callable[..., Any], create_stack: Callable[..., Any]) -> None:
        """Makes the calls, first those of the objects."""
        found = resources()
        file = found[("aws_s3_object", "file")]
        for path in sorted(self.paths()):
            put_object(**self._call("aws_s3_object", file, self._each(path)))
        put_object(**self._call("aws_s3_object", found[("aws_s3_object", "template")], {}))

        stack = found[("aws_cloudformation_stack", "tollgate")]
        create_stack(**self._call("aws_cloudformation_stack", stack, {}))

    def paths(self) -> set[str]:
        """Returns `local.paths`: the local paths in the template."""
        places = {FUNCTION: "Code", STACK: "TemplateURL"}
        return {
            resource["Properties"][places[resource["Type"]]]
            for resource in self.template["Resources"].values()
            if resource["Type"] in places
        }

    def _call(self, type_: str, arguments: dict[str, Any], each: dict[str, Any]) -> dict[str, Any]:
        """Returns the input of the API call for a resource."""
        values = self.values | each
        call = {}
        for name, expression in arguments.items():
            if name in META_ARGUMENTS:
                continue
            many = isinstance(expression, list)
            found = [values[one] for one in (expression if many else [expression])]
            call[ARGUMENTS[type_][name]] = found if many else found[0]
        return call

    def _each(self, path: str) -> dict[str, Any]:
        return {
            '"tollgate/${filesha256("${var.release}/${each.value}")}/${basename(each.value)}"': (
                self._key(path)
            ),
            '"${var.release}/${each.value}"': (self.release / path).read_bytes(),
        }

    def _key(self, path: str) -> str:
        content = (self.release / path).read_bytes()
        return f"tollgate/{hashlib.sha256(content).hexdigest()}/{pathlib.PurePath(path).name}"

    def _template_key(self) -> str:
        return f"tollgate/{hashlib.sha256(self.packaged.encode()).hexdigest()}/template.json"

    def _packaged(self) -> dict[str, Any]:
        """Returns `local.packaged`: the template with the places of its uploaded files."""
        body = json.loads(json.dumps(self.template))
        for resource in body["Resources"].values():
            properties = resource.get("Properties", {})
            if resource["Type"] == FUNCTION:
                key = self._key(properties["Code"])
                properties["Code"] = {"S3Bucket": self.bucket, "S3Key": key}
            if resource["Type"] == STACK:
                key = self._key(properties["TemplateURL"])
                properties["TemplateURL"] = f"{self.bucket_url}/{key}"
        return body
