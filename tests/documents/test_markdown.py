"""Links have targets, and commands can be pasted."""

from __future__ import annotations

import re
import unittest

from documents import markdown, shell
from harness.paths import PROJECT


class Links(unittest.TestCase):
    def test_every_link_has_a_target(self):
        found = {}
        for document in markdown.documents():
            broken = markdown.broken_links(document, document.read_text())
            found |= {str(document.relative_to(PROJECT)): broken} if broken else {}
        self.assertEqual(found, {})

    def test_broken_links_are_found(self):
        document = PROJECT / "docs" / "README.md"
        text = (
            "# One\n## One\n[a](../README.md) [b](#one) [c](#one-1) [d](nothing.md) [e](../README.md#nothing) [f](#two)\n"
            "![g](images/nothing.svg) [h](https://example.com/x) `[i](code.md)` [j](../../outside.md) [k](../Makefile#l)\n"
            "```text\n# Two\n[l](fenced.md)\n```\n"
        )
        expected = [
            "nothing.md",
            "../README.md#nothing",
            "#two",
            "images/nothing.svg",
            "../../outside.md",
            "../Makefile#l",
        ]
        self.assertEqual(markdown.broken_links(document, text), expected)

    def test_anchors_match_github(self):
        text = "## In front of your own load balancer\n### `alb-sync`: names & zones\n## [Link](a.md) #\n"
        expected = {"in-front-of-your-own-load-balancer", "alb-sync-names--zones", "link"}
        self.assertEqual(markdown.anchors(text), expected)

    def test_the_index_lists_every_page(self):
        index = PROJECT / "docs" / "README.md"
        listed = {
            (index.parent / link.partition("#")[0]).resolve()
            for link in markdown.links(index.read_text())
        }
        pages = set((PROJECT / "docs").rglob("*.md")) - {index}
        self.assertGreater(len(pages), 20)
        self.assertEqual(pages - listed, set())

    def test_every_image_has_alt_text(self):
        for document in markdown.documents():
            texts = [
                match["text"]
                for match in markdown.IMAGE.finditer(markdown.prose(document.read_text()))
            ]
            self.assertEqual([text for text in texts if not text.strip()], [], document)


class Commands(unittest.TestCase):
    def blocks(self):
        for document in markdown.documents():
            for language in ("sh", "bash", "shell"):
                for block in markdown.blocks(document.read_text(), language):
                    yield str(document.relative_to(PROJECT)), block

    def test_every_block_is_valid_in_bash_and_zsh(self):
        blocks = list(self.blocks())
        self.assertGreater(len(blocks), 20)
        self.assertEqual(
            [
                (name, block, errors)
                for name, block in blocks
                if (errors := shell.syntax_errors(block))
            ],
            [],
        )

    def test_every_block_can_be_pasted(self):
        self.assertEqual(
            [
                (name, block, found)
                for name, block in self.blocks()
                if (found := shell.unsafe(block))
            ],
            [],
        )

    def test_blocks_that_cannot_be_pasted_are_found(self):
        for code, expected in [
            ("make test  # proves it", ["a comment"]),
            ("# It's a comment.\nls", ["a comment"]),
            ('echo "hello!"', ["an exclamation mark"]),
            ("curl http://localhost/keys?plan=team", ["a pattern"]),
            ("ls *.md", ["a pattern"]),
            ("echo {x}[0]", ["a pattern"]),
            ('sed s/a/b/ <<< "$made"', ["a here string"]),
            ("echo 'It is # quoted! [a]*?' \"and ? # [this]\" $? a#b", []),
        ]:
            self.assertEqual(shell.unsafe(code), expected, code)
        self.assertNotEqual(shell.syntax_errors("echo 'open"), [])


class Readme(unittest.TestCase):
    def setUp(self):
        self.text = (PROJECT / "README.md").read_text()

    def test_it_is_short_and_states_status_systems_and_price(self):
        # The output of programs is skimmed, and has a limit of its own.
        shown = re.findall(r"^```console\n.*?^```$", self.text, re.MULTILINE | re.DOTALL)
        output = sum(len(block.splitlines()) for block in shown)
        self.assertLessEqual(len(self.text.splitlines()) - output, 150)
        self.assertLessEqual(output, 40)
        for part in (
            "**Status:**",
            "Linux, macOS or WSL2",
            "<!-- summary: make tables -->",
            "docs/images/request-path.svg",
        ):
            self.assertIn(part, self.text)

    def test_every_directory_of_the_documents_is_linked(self):
        index = (PROJECT / "docs/README.md").read_text()
        headings = re.findall(r"^## (.+)$", index, re.MULTILINE)
        self.assertEqual(headings, ["Concepts", "Guides", "Reference", "Operations", "Decisions"])
        for heading in headings[:-1]:
            self.assertIn(f"docs/README.md#{heading.lower()}", self.text)


if __name__ == "__main__":
    unittest.main()
