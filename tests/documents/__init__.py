"""Checks of the documents and of the project's files that are neither code nor templates."""
