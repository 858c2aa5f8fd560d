"""What lint misses in the templates: checks in files by subject, each a function from a template to its findings."""
