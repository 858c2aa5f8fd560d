"""Failure drills of the local gateway. docs/operations/drills.md lists them."""
