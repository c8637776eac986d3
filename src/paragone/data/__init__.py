"""Data sets: from upstream files to the one prepared format."""
