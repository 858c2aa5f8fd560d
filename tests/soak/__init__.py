"""A soak test of the local gateway."""
