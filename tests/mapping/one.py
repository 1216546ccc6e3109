"""What the tests of reading and writing share: a mapping from the text that stands in the test."""

from textwrap import dedent, indent

from tieout.library import mappings, yamlfile
from tieout.model.definitions import Mapping


def mapping(tables: str, head: str = "") -> Mapping:
    text = (
        "mapping: test.one\nformat: xml\nidentify: {root: Doc}\n"
        + dedent(head)
        + "tables:\n"
        + indent(dedent(tables), "  ")
    )
    node, mistakes = yamlfile.read(text, file="m.yaml")
    assert node is not None, mistakes
    parsed, mistakes = mappings.parse_mapping(node)
    assert parsed is not None, "\n".join(map(str, mistakes))
    return parsed
