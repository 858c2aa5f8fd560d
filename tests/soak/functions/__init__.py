"""A soak test of the functions behind a Lambda runtime interface."""
