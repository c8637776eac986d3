"""DVC's graph: what has changed, its lock files, and what is remembered of both."""
