"""The audited datasets of the tests of reports, for the tests of the pages of families."""

from cleanlab_assets_tests.reports.conftest import audited, audited_values, page, report, values_page, values_report

__all__ = ["audited", "audited_values", "page", "report", "values_page", "values_report"]
