"""What was tried for goals that are missed, and the floor of each. Only shown for a missed goal."""

REMARKS: dict[str, str] = {}
