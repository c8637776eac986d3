"""One page per survey: its own tables, filled by measurements."""
