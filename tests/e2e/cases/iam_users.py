"""Permission to use the admin API, with IAM policies enforced."""

import json
import uuid

from botocore.credentials import Credentials

from e2e.cases.case import StackCase
from harness.client import Response


class IamUsers(StackCase):
    def test_user_needs_permission_to_invoke_the_admin_route(self) -> None:
        iam, name = self.deployment.emulator.client("iam"), f"user-{uuid.uuid4().hex[:12]}"
        iam.create_user(UserName=name)
        access_key = iam.create_access_key(UserName=name)["AccessKey"]
        user = Credentials(access_key["AccessKeyId"], access_key["SecretAccessKey"])
        self.assertEqual(self.list_plans(user).status, 403)

        routes = f"arn:aws:execute-api:us-east-1:*:{self.deployment.resources['Api']}/*/GET/_tollgate/v1/*"
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": routes}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="administer", PolicyDocument=document)

        self.assertEqual(self.list_plans(user).status, 200)
        written = self.deployment.api.request("PUT", "/_tollgate/v1/plans/theirs", {}, {}, user)
        self.assertEqual(written.status, 403, "the policy only allows GET")

    def list_plans(self, user: Credentials) -> Response:
        return self.deployment.api.request("GET", "/_tollgate/v1/plans", credentials=user)
