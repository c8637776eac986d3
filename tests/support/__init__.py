"""What several tests share: small projects, files in the published layouts, faults."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
