"""The pages of the report: one file per kind of page."""
