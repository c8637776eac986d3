"""Paragone: image generators, compared on the same terms."""

__version__ = "0.1.0"
