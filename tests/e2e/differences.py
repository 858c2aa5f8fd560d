"""Where the emulator (ministack 1.5) is not AWS, and what the copy of the built template that it gets says instead.

All that is changed stands here; parameters alone switch off VPC links, API destinations, Resolver and gradual
deployments, which it does not know. What follows is therefore not shown by these tests:

- an authorizer without identity sources asks for an Authorization header there
- it evaluates no `Fn::Join` in conditions, which tell empty lists by it: those look at the first item instead. Nor does it
  evaluate `Fn::Split` there, by which only Resolver's servers are counted: those conditions are false
- it has no rules of security groups beside the groups', and no composite alarms
- it has no alarms over several metrics: these are there, and watch nothing
- it knows `$context.authorizer.lambda.NAME`, and not AWS's `$context.authorizer.NAME`, in request mapping
- it answers 500 to every error of an authorizer, `Unauthorized` included, which AWS answers with 401
- it answers preflights itself, whatever the routes are
- it maps no responses, so that RateLimit fields do not appear
- it writes no access log of an HTTP API, and does not throttle stages
- it reads filter patterns as words, not as JSON
- it does not see `dynamodb:LeadingKeys`: what a condition on it refuses is not refused, and `Null` conditions that require
  it are left out
- it asks for no permission where CloudWatch is called in CBOR, as the Rust SDK does, nor where it polls a queue itself
"""

import json
import re

# Refused as unsupported. Nothing in the stack refers to them.
UNKNOWN = {"AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress", "AWS::CloudWatch::CompositeAlarm"}
NEVER = {"Fn::Equals": ["", "never"]}
# The functions that it evaluates in conditions.
EVALUATED = {"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Select"}
CALL_RECORDS = '{ ($.api_call.service = "*") || ($.to = "Open") }'


def adapted(template: dict) -> dict:
    """The template as the emulator understands it."""
    template = json.loads(json.dumps(template).replace("$context.authorizer.", "$context.authorizer.lambda."))
    resources, conditions = template["Resources"], template["Conditions"]
    conditions |= {name: evaluable(name, condition) for name, condition in conditions.items()}
    for name in [name for name, resource in resources.items() if resource["Type"] in UNKNOWN]:
        del resources[name]
    ask_for_no_header(resources["Authorizer"])
    for resource in resources.values():
        read_patterns_as_words(resource)
        watch_one_metric(resource)
    follow_quickly(resources["AlbSyncFunction"])
    require_no_leading_keys(template)
    return template


def evaluable(name: str, condition: dict) -> dict:
    """A condition of what the emulator evaluates. It takes any other function for text that equals nothing, and would
    deploy something else without an error."""
    if "Fn::Split" in json.dumps(condition):
        return NEVER
    condition = first_items(condition)
    unknown = set(re.findall(r'"(Fn::\w+)"', json.dumps(condition))) - EVALUATED
    if unknown:
        raise ValueError(f"condition {name}: the emulator does not evaluate {sorted(unknown)}")
    return condition


def first_items(value: object) -> object:
    """`Fn::Join` of a list parameter becomes `Fn::Select` of its first item: both are empty only for an empty list."""
    if isinstance(value, list):
        return [first_items(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::Join"} and value["Fn::Join"][0] == "" and "Ref" in value["Fn::Join"][1]:
        return {"Fn::Select": [0, value["Fn::Join"][1]]}
    return {key: first_items(item) for key, item in value.items()}


def require_no_leading_keys(value: object) -> None:
    """Takes the `Null` conditions on partition keys out of every statement."""
    if isinstance(value, list):
        for item in value:
            require_no_leading_keys(item)
    if not isinstance(value, dict):
        return

    if "dynamodb:LeadingKeys" in value.get("Null", {}):
        del value["Null"]
    for item in value.values():
        require_no_leading_keys(item)


def ask_for_no_header(authorizer: dict) -> None:
    authorizer["Properties"].setdefault("IdentitySource", [])


def read_patterns_as_words(resource: dict) -> None:
    properties = resource.get("Properties", {})
    if properties.get("FilterPattern") == CALL_RECORDS and resource["Type"] == "AWS::Logs::SubscriptionFilter":
        properties["FilterPattern"] = '"api_call"'


def watch_one_metric(resource: dict) -> None:
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::CloudWatch::Alarm" and properties.pop("Metrics", None):
        properties |= {"Namespace": "none", "MetricName": "none", "Statistic": "Sum", "Period": 60}


def follow_quickly(alb_sync: dict) -> None:
    """Its clock is set by its settings: what takes three minutes in an account takes two seconds here."""
    alb_sync["Properties"]["Environment"]["Variables"] |= {"INTERVAL_S": "1", "MISSES_BEFORE_DEREGISTRATION": "2"}


def statements(function: dict) -> list[dict]:
    """The statements of a function's own policies that allow something, conditional ones included."""
    found = []
    for policy in function["Properties"].get("Policies", []):
        for statement in policy.get("Statement", []) if isinstance(policy, dict) else []:
            choices = statement["Fn::If"][1:] if "Fn::If" in statement else [statement]
            found += [choice for choice in choices if choice.get("Effect") == "Allow"]
    return found
