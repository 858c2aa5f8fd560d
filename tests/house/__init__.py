"""Measures how easy the source code is to read, and finds phrases that make text hard to read."""
