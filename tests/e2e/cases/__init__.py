"""The test cases, one subject per file. They run in a deployed stack."""
