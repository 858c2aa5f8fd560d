"""What users do with a deployed stack, one subject a file."""
