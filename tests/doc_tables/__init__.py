"""Generates tables and sections in the documents: parameters, costs, permissions and checks."""
