"""The text that users read in documents, templates and error messages is free of phrases that are
hard to read.
"""

import unittest

from house import words


class Language(unittest.TestCase):
    maxDiff = None

    def test_user_facing_text_has_no_hard_phrases(self):
        self.assertEqual([str(phrase) for phrase in words.phrases()], [])

    def test_every_exception_has_a_reason_and_is_needed(self):
        for file, piece in words.accepted():
            content = (words.PROJECT / file).read_text()
            lines = [phrase.text for phrase in words.find_phrases(file, content)]
            self.assertTrue(any(piece in line for line in lines), f"{file}: {piece}")


class Checker(unittest.TestCase):
    def found(self, name: str, content: str) -> list[tuple[int, str]]:
        return [(phrase.line, phrase.name) for phrase in words.find_phrases(name, content)]

    def test_phrases_are_found_in_markdown(self):
        self.assertEqual(
            self.found("a.md", "The plan\nholds two calls a\nrequest."),
            [(2, "holds"), (2, "a unit")],
        )
        self.assertEqual(self.found("a.md", "It runs once a day and stands for a name."), [])

    def test_phrases_are_found_in_descriptions_of_any_form(self):
        content = (
            "Parameters:\n  A:\n    Description: >-\n      The list\n      is none.\n    Default: nobody\n"
            "  B:\n    Description: Somebody\n    AllowedPattern: told\n"
        )
        self.assertEqual(self.found("a.yaml", content), [(5, "is none"), (8, "nobody")])

    def test_phrases_are_found_in_string_literals_without_names_and_tests(self):
        content = (
            '// "told" is a comment\nlet a = "{member} is told";\nlet b = r#"a "held" beside"#;\nlet c = "is \\\n none";\n'
            '#[cfg(test)]\nmod tests {\n    let d = "nobody";\n}\n'
        )
        self.assertEqual(self.found("a.rs", content), [(2, "told"), (3, "beside"), (4, "is none")])

    def test_only_the_beginning_of_a_doc_comment_counts(self):
        code = "/// What it is.\n/// Which is long.\nfn a() {}\n/// The name.\n/// Of a key.\nfn b() {}\n//! By name.\n"
        self.assertEqual(words.unusual_doc_comments(code), (["What it is.", "By name."], 3))


if __name__ == "__main__":
    unittest.main()
