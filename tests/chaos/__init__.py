"""Chaos on the store of several gateways."""
