"""Users of IAM, for commands that run with their permissions alone."""

import json
import uuid

from e2e.deployment import Deployment
from harness.paths import EVALUATOR


def environment_of_user(deployment: Deployment, policy: dict) -> dict[str, str]:
    """Creates a user with a policy, and returns the environment of the user's commands."""
    iam, name = deployment.emulator.client("iam"), f"user-{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
    access_key = iam.create_access_key(UserName=name)["AccessKey"]

    environment = deployment.emulator.caller_environment()
    return environment | {
        "AWS_ACCESS_KEY_ID": access_key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": access_key["SecretAccessKey"],
        "PATH": f"{EVALUATOR.parent}:{environment['PATH']}",
        "TOLLGATE_STACK": deployment.stack.name,
    }
