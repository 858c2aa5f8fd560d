"""The base class of the test cases."""

import unittest
from typing import ClassVar

from e2e.deployment import Deployment


class StackCase(unittest.TestCase):
    """Tests that run in a deployed stack, in any order. They change no other test's keys and plans."""

    deployment: ClassVar[Deployment]
