"""Queues accept only requests over TLS."""

from __future__ import annotations

import unittest
from typing import Any

from template.broken_template import TEMPLATE
from template.parameter_sets import all_stacks, everything_on
from template.stack import Stack
from template.templates import Template


def queues_without_tls(stack: Stack) -> set[str]:
    """Returns the queues whose policy does not deny requests without TLS."""
    protected: set[str] = set()
    for policy in stack.of_type("AWS::SQS::QueuePolicy").values():
        if any(denies_plain_http(it) for it in policy["PolicyDocument"]["Statement"]):
            protected |= {name for queue in policy["Queues"] for name in queue.targets}
    return stack.of_type("AWS::SQS::Queue").keys() - protected


def denies_plain_http(statement: dict[str, Any]) -> bool:
    return (
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Action"] == "sqs:*"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    )


class Queues(unittest.TestCase):
    def test_every_queue_requires_tls(self) -> None:
        for template in Template.all():
            for label, stack in all_stacks(template):
                self.assertEqual(queues_without_tls(stack), set(), f"{template.path}: {label}")

    def test_queue_without_the_requirement_is_found(self) -> None:
        def drop(body: dict[str, Any]) -> None:
            del body["Resources"]["MetricsQueuesPolicy"]

        broken = Stack(TEMPLATE.changed(drop), everything_on(TEMPLATE))
        self.assertEqual(queues_without_tls(broken), {"MetricsQueue", "MetricsDeadLetters"})


if __name__ == "__main__":
    unittest.main()
