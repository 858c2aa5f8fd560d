"""The example events of the functions: their settings, and the outcome of each event."""

import json

from harness.paths import PROJECT

# The outcome of each event in events/, as `outcome` describes it. A second outcome is that of the
# same event again.
OUTCOMES = {
    "alb-sync.by-hand": ["reconciled"],
    "alb-sync.dry-run": ["reconciled"],
    "alb-sync.scheduled": ["reconciled"],
    "authorizer.address": ["allowed"],
    "authorizer.allowed": ["allowed"],
    "authorizer.ambiguous-path": ["refused: ambiguous_path"],
    "authorizer.disabled-key": ["Unauthorized"],
    "authorizer.expired-key": ["Unauthorized"],
    "authorizer.fault": ["Fault"],
    "authorizer.format-1": ["Allow"],
    "authorizer.insufficient-scope": ["refused: insufficient_scope"],
    "authorizer.invalid-claims": ["Unauthorized"],
    "authorizer.invalid-signature": ["Unauthorized"],
    "authorizer.invalid-token": ["Unauthorized"],
    "authorizer.limit-impossible": ["refused: limit_impossible"],
    "authorizer.malformed-credentials": ["Unauthorized"],
    "authorizer.malformed-path": ["refused: malformed_path"],
    "authorizer.missing-credentials": ["Unauthorized"],
    "authorizer.no-rule": ["refused: no_rule"],
    "authorizer.public": ["allowed"],
    "authorizer.quota-exceeded": ["allowed", "throttled"],
    "authorizer.rest-request": ["Allow"],
    "authorizer.rest-token": ["Unauthorized"],
    "authorizer.throttled": ["allowed", "throttled"],
    "authorizer.token": ["allowed"],
    "authorizer.token-and-key": ["allowed"],
    "authorizer.token-expired": ["Unauthorized"],
    "authorizer.unknown-key": ["Unauthorized"],
    "composer.forbidden": ["403"],
    "composer.invalid-fields": ["400"],
    "composer.method": ["405"],
    "composer.no-authorizer": ["500"],
    "composer.not-found": ["404"],
    "composer.partial": ["206"],
    "composer.required": ["502"],
    "composer.throttled": ["429"],
    "composer.unavailable": ["503"],
    "limiter.create-key": ["201"],
    "limiter.decide": ["200"],
    "limiter.import-keys": ["200"],
    "limiter.invalid-plan": ["422"],
    "limiter.list-plans": ["200"],
    "limiter.not-found": ["404"],
    "limiter.own-usage": ["200"],
    "limiter.put-plan": ["201"],
    "limiter.throttled-usage": ["429"],
    "metrics-publisher.access-log": ["rejected 0"],
    "metrics-publisher.call-records": ["rejected 0"],
    "metrics-publisher.control-message": ["rejected 0"],
    "metrics-publisher.embedded-metrics": ["rejected 0"],
    "metrics-publisher.envelopes": ["failed 1"],
    "metrics-publisher.list": ["rejected 0"],
    "metrics-publisher.queue": ["failed 1"],
    "metrics-publisher.records": ["rejected 0"],
    "metrics-publisher.rejected-record": ["rejected 2"],
    "metrics-publisher.schedule": ["probed"],
    "metrics-publisher.threshold": ["rejected 0"],
    "metrics-publisher.unknown": ["InvalidEvent"],
}


def outcome(response: dict) -> str:
    """Describes a response in a word or two."""
    for field, describe in {
        "errorType": lambda: response["errorType"],
        "isAuthorized": lambda: authorizer_outcome(response),
        "policyDocument": lambda: response["policyDocument"]["Statement"][0]["Effect"],
        "statusCode": lambda: str(response["statusCode"]),
        "targets": lambda: (
            "reconciled"
            if all(target["error"] is None for target in response["targets"])
            else "failed"
        ),
        "batchItemFailures": lambda: f"failed {len(response['batchItemFailures'])}",
        "rejected": lambda: f"rejected {len(response['rejected'])}",
        "probed": lambda: "probed",
    }.items():
        if field in response:
            return describe()
    return str(response)


def authorizer_outcome(response: dict) -> str:
    context = response["context"]
    return context["decision"] if response["isAuthorized"] else f"refused: {context['reason']}"


def logical_id(package: str) -> str:
    return "".join(word.capitalize() for word in package.split("-")) + "Function"


def default_settings(package: str) -> dict[str, str]:
    return json.loads((PROJECT / "events" / "env.json").read_text())[logical_id(package)]


def event(case: str) -> object:
    return json.loads((PROJECT / "events" / f"{case}.json").read_text())
