"""End-to-end tests: the built template, deployed on an emulator of AWS, with the functions' own
binaries.
"""
