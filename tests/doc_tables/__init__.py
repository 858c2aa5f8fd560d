"""Generates the tables of parameters and costs in the documents."""
