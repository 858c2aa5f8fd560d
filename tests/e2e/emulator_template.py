"""Adapts the built template to the emulator (ministack 1.5), and lists the differences between the
emulator and AWS.

All changes to the template are in this file. Parameters alone switch off VPC links, API
destinations, Route 53 Resolver and gradual deployments, which the emulator does not support. The
end-to-end tests therefore do not show these things:

- an authorizer without identity sources requires an Authorization header in the emulator
- conditions do not support `Fn::Join`, which the template uses to recognize empty lists. The
  adapted conditions look at the first item instead. They do not support `Fn::Split` either, which
  only counts the servers of Resolver and recognizes a collector in `Tracing`. Conditions with it
  become false
- rules of security groups exist only inside the groups. Composite alarms, saved queries and
  Contributor Insights rules do not exist
- alarms over several metrics are not supported. They are deployed but watch nothing
- request mapping knows `$context.authorizer.lambda.NAME` instead of AWS's
  `$context.authorizer.NAME`
- every error of an authorizer becomes 500, including `Unauthorized`, which AWS turns into 401
- the emulator itself responds to preflight requests, for all routes
- responses are not mapped, so RateLimit fields are missing
- HTTP APIs have no access log, and stages are not throttled
- filter patterns are read as words instead of JSON
- `dynamodb:LeadingKeys` is not evaluated: what a condition on it denies is allowed. `Null`
  conditions that require it are removed
- connections to the emulator use no TLS, so the statements of queue policies that require it are
  removed
- no permission is needed to call CloudWatch in CBOR, as the Rust SDK does, or for the emulator's
  own polling of a queue
"""

import json
import pathlib
import re

from samcli.yamlhelper import yaml_parse

# The emulator rejects these types. No other resource refers to them.
UNSUPPORTED_TYPES = {
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::InsightRule",
    "AWS::Logs::QueryDefinition",
}
FALSE = {"Fn::Equals": ["", "never"]}
# The functions that the emulator evaluates in conditions.
SUPPORTED_FUNCTIONS = {"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Select"}
NESTED_STACK = "AWS::CloudFormation::Stack"
# The field that each pattern for call records names.
CALL_RECORDS = "$.api_calls[0].service"


def adapted(template: dict) -> dict:
    """Returns a copy of the template that the emulator can deploy."""
    template = json.loads(
        json.dumps(template).replace("$context.authorizer.", "$context.authorizer.lambda.")
    )
    template = with_supported_types(template)
    resources = template["Resources"]

    require_no_header(resources["Authorizer"])
    for resource in resources.values():
        use_word_pattern(resource)
        use_one_metric(resource)
    shorten_intervals(resources["AlbSyncFunction"])
    remove_leading_keys_conditions(template)
    remove_tls_requirements(resources)
    return template


def adapt_nested_stacks(template: dict, folder: pathlib.Path, suffix: str) -> list[pathlib.Path]:
    """Adapts the templates of nested stacks and makes an adapted template refer to the copies.

    Paths are relative to `folder`. Returns the copies, which are next to the originals.
    """
    copies = []
    for resource in template["Resources"].values():
        if resource["Type"] != NESTED_STACK:
            continue

        properties = resource["Properties"]
        original = folder / properties["TemplateURL"]
        nested = with_supported_types(yaml_parse(original.read_text()))
        for nested_resource in nested["Resources"].values():
            use_one_metric(nested_resource)

        copy = original.with_name(f"adapted-{suffix}-{original.stem}.json")
        copy.write_text(json.dumps(nested))
        properties["TemplateURL"] = str(copy.relative_to(folder))
        copies.append(copy)
    return copies


def with_supported_types(template: dict) -> dict:
    """Returns a template without unsupported resources and functions of conditions. The stacks of a
    network team need no other change.
    """
    conditions, resources = template["Conditions"].items(), template["Resources"].items()
    return template | {
        "Conditions": {name: supported_condition(name, it) for name, it in conditions},
        "Resources": {name: it for name, it in resources if not is_unsupported(it)},
    }


def is_unsupported(resource: object) -> bool:
    """True if the emulator rejects a resource. A loop (`Fn::ForEach`) is a list."""
    return isinstance(resource, dict) and resource["Type"] in UNSUPPORTED_TYPES


def supported_condition(name: str, condition: dict) -> dict:
    """Returns a condition that the emulator evaluates.

    It treats an unsupported function as text that equals nothing, and would deploy the wrong
    resources without an error.
    """
    if "Fn::Split" in json.dumps(condition):
        return FALSE

    condition = first_items(condition)
    unsupported = set(re.findall(r'"(Fn::\w+)"', json.dumps(condition))) - SUPPORTED_FUNCTIONS
    if unsupported:
        raise ValueError(f"condition {name}: the emulator does not evaluate {sorted(unsupported)}")
    return condition


def first_items(value: object) -> object:
    """Replaces `Fn::Join` of a list parameter by `Fn::Select` of its first item. Only an empty list
    makes either empty.
    """
    if isinstance(value, list):
        return [first_items(item) for item in value]
    if not isinstance(value, dict):
        return value
    if (
        value.keys() == {"Fn::Join"}
        and value["Fn::Join"][0] == ""
        and "Ref" in value["Fn::Join"][1]
    ):
        return {"Fn::Select": [0, value["Fn::Join"][1]]}
    return {key: first_items(item) for key, item in value.items()}


def remove_tls_requirements(resources: dict) -> None:
    """Removes the statements that require TLS, and the policies that contain nothing else."""
    for name, resource in list(resources.items()):
        if resource["Type"] != "AWS::SQS::QueuePolicy":
            continue
        document = resource["Properties"]["PolicyDocument"]
        document["Statement"] = [it for it in document["Statement"] if it.get("Sid") != "RequireTls"]
        if not document["Statement"]:
            del resources[name]


def remove_leading_keys_conditions(value: object) -> None:
    """Removes the `Null` conditions on partition keys from every statement."""
    if isinstance(value, list):
        for item in value:
            remove_leading_keys_conditions(item)
    if not isinstance(value, dict):
        return

    if "dynamodb:LeadingKeys" in value.get("Null", {}):
        del value["Null"]
    for item in value.values():
        remove_leading_keys_conditions(item)


def require_no_header(authorizer: dict) -> None:
    authorizer["Properties"].setdefault("IdentitySource", [])


def use_word_pattern(resource: dict) -> None:
    properties = resource.get("Properties", {})
    if (
        resource["Type"] == "AWS::Logs::SubscriptionFilter"
        and CALL_RECORDS in json.dumps(properties["FilterPattern"])
    ):
        properties["FilterPattern"] = '"api_calls"'


def use_one_metric(resource: dict) -> None:
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::CloudWatch::Alarm" and properties.pop("Metrics", None):
        properties |= {"Namespace": "none", "MetricName": "none", "Statistic": "Sum", "Period": 60}


def shorten_intervals(alb_sync: dict) -> None:
    """Makes alb-sync deregister an address after two seconds instead of three minutes."""
    alb_sync["Properties"]["Environment"]["Variables"] |= {
        "INTERVAL_S": "1",
        "MISSES_BEFORE_DEREGISTRATION": "2",
    }


def statements(role: dict) -> list[dict]:
    """Returns the `Allow` statements of a role's own policies, including conditional ones."""
    found = []
    for policy in role["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            choices = statement["Fn::If"][1:] if "Fn::If" in statement else [statement]
            found += [choice for choice in choices if choice.get("Effect") == "Allow"]
    return found
