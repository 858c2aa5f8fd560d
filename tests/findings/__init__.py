"""Findings of checkov in the templates, compared with those that docs/operations/findings.md accepts."""
