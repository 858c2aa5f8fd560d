"""Tests of how results are written into a table."""

import unittest

from harness.results import commit_of, with_rows

PAGE = "# Page\n\n<!-- soak -->\n<!-- /soak -->\n\nText.\n"


class Tables(unittest.TestCase):
    def test_first_result_makes_the_table(self):
        page = with_rows(PAGE, "soak", [{"date": "1", "result": "passed"}], None, 3)
        self.assertIn("<!-- soak -->\n| date | result |\n| --- | --- |\n| 1 | passed |\n<!--", page)
        self.assertTrue(page.endswith("Text.\n"))

    def test_newest_results_are_kept_and_come_first(self):
        page = PAGE
        for number in range(5):
            page = with_rows(page, "soak", [{"date": str(number)}], None, 3)
        self.assertIn("| 4 |\n| 3 |\n| 2 |\n<!--", page)

    def test_result_of_the_same_subject_is_replaced(self):
        page = with_rows(
            PAGE, "soak", [{"part": "b", "n": "1"}, {"part": "a", "n": "1"}], "part", 9
        )
        page = with_rows(page, "soak", [{"part": "b", "n": "2"}], "part", 9)
        self.assertIn("| a | 1 |\n| b | 2 |\n<!--", page)

    def test_rows_with_other_columns_are_dropped(self):
        page = with_rows(PAGE, "soak", [{"date": "1", "old": "1"}], None, 3)
        page = with_rows(page, "soak", [{"date": "2", "new": "2"}], None, 3)
        self.assertNotIn("old", page)

    def test_commit_is_that_of_the_program(self):
        version = "tollgate 0.2.0 (commit eb05aa314052, time zones 2026f)"
        self.assertEqual(commit_of(version), "eb05aa31")
        self.assertEqual(commit_of("not installed"), "–")

    def test_missing_markers_are_an_error(self):
        with self.assertRaises(ValueError):
            with_rows("# Page\n", "soak", [{"date": "1"}], None, 3)


if __name__ == "__main__":
    unittest.main()
