"""Writes the generated tables into the documents and template.yaml: `make tables`. A test compares them."""

from __future__ import annotations

from doc_tables import checks, costs, deployer, parameters, scale, status_mappings
from harness.paths import PROJECT
from template.templates import Template

# The templates of docs/reference/parameters.md.
PARAMETER_TABLES = {
    "parameters": "template.yaml",
    "endpoints": "stacks/endpoints.yaml",
    "names": "stacks/names.yaml",
    "nlb": "stacks/nlb.yaml",
}


def generated_tables() -> dict[tuple[str, str], str]:
    """Returns every table, by document and name."""
    body = Template.read("template.yaml").body
    tables = {
        ("docs/reference/parameters.md", name): parameters.parameter_table(Template.read(path).body)
        for name, path in PARAMETER_TABLES.items()
    }
    for name, text in deployer.tables().items():
        tables["docs/guides/platform-teams.md", name] = text
    tables |= checks.tables()
    for name, text in costs.tables(body, Template.read("stacks/monitoring.yaml").body).items():
        tables["README.md" if name == "summary" else "docs/operations/costs.md", name] = text
    for name, text in scale.tables(costs.access_line(body)).items():
        tables["docs/concepts/scale.md", name] = text
    return tables


def with_table(document: str, name: str, text: str) -> str:
    """Returns a document with a new text between the markers of a table."""
    begin, end = f"<!-- {name}: make tables -->\n", f"<!-- /{name} -->"
    if document.count(begin) != 1 or document.count(end) != 1:
        raise ValueError(f"expected one pair of markers for the table `{name}`")

    before, _, rest = document.partition(begin)
    return f"{before}{begin}{text}\n{end}{rest.partition(end)[2]}"


def documents() -> dict[str, str]:
    """Returns every document with generated tables, by path."""
    found: dict[str, str] = {}
    for (path, name), text in generated_tables().items():
        document = found.get(path, (PROJECT / path).read_text())
        found[path] = with_table(document, name, text)
    found["template.yaml"] = status_mappings.with_copies((PROJECT / "template.yaml").read_text())
    return found


def main() -> None:
    for path, document in documents().items():
        (PROJECT / path).write_text(document)
        print(path)


if __name__ == "__main__":
    main()
