"""What all journeys have."""

import unittest
from typing import ClassVar

from ..world import World


class Journey(unittest.TestCase):
    """Its tests run in a world that is there already, in any order, and leave no one else's keys or plans changed."""

    world: ClassVar[World]
