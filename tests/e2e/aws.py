"""AWS clients and credentials for the emulator."""

import os

import boto3
from botocore.config import Config
from botocore.credentials import Credentials

from harness.emulator import REGION, Ministack

# The emulator accepts these as the account's root user, whether it enforces IAM policies or not.
ROOT_USER = Credentials("test", "test")
CLIENT_CONFIG = Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=60)


class AwsEmulator(Ministack):
    """The emulator with clients."""

    def client(self, service: str, credentials: Credentials = ROOT_USER):
        """Returns a client of boto3."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            config=CLIENT_CONFIG,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
        )

    def caller_environment(self) -> dict[str, str]:
        """Returns an environment in which programs call the emulator as the root user, and no other
        account.
        """
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": ROOT_USER.access_key,
            "AWS_SECRET_ACCESS_KEY": ROOT_USER.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "SAM_CLI_TELEMETRY": "0",
        }
