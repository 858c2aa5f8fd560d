"""Who may administer, where policies of IAM decide."""

import json
import uuid

from botocore.credentials import Credentials

from ..gateway import Answer
from .journey import Journey


class Identities(Journey):
    def test_a_user_administers_with_leave_to_invoke_the_route_and_not_without(self) -> None:
        iam, name = self.world.emulator.client("iam"), f"user-{uuid.uuid4().hex[:12]}"
        iam.create_user(UserName=name)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        user = Credentials(made["AccessKeyId"], made["SecretAccessKey"])
        self.assertEqual(self.plans(user).status, 403)
        routes = f"arn:aws:execute-api:us-east-1:*:{self.world.resources['Api']}/*/GET/_tollgate/v1/*"
        allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": routes}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_user_policy(UserName=name, PolicyName="administer", PolicyDocument=document)
        self.assertEqual(self.plans(user).status, 200)
        written = self.world.gateway.request("PUT", "/_tollgate/v1/plans/theirs", {}, {}, user)
        self.assertEqual(written.status, 403, "for reading alone")

    def plans(self, user: Credentials) -> Answer:
        return self.world.gateway.request("GET", "/_tollgate/v1/plans", credentials=user)
