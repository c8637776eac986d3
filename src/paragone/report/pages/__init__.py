"""The pages of the report: one file a kind of page."""
