"""A column of the tables: where its figure comes from, its unit, which way is better, how it is written."""

from typing import Literal, NamedTuple


class Column(NamedTuple):
    """One column of figures."""

    key: str  # in the CSV: short, and the same whatever the space
    label: str
    source: str  # column of the wide table (paragone.results.runs)
    unit: str = ""
    better: Literal["low", "high", ""] = ""
    digits: int = 2  # after the decimal point
    scale: float = 1.0  # what the file's value is multiplied by
    about: str = ""  # for the page: what it measures
    setting: bool = False  # chosen rather than measured: no interval
    error: str = ""  # column of the wide table with its standard error over samples, where it has one

    @property
    def header(self) -> str:
        arrow = {"low": " ↓", "high": " ↑", "": ""}[self.better]
        return self.label + (f" ({self.unit})" if self.unit else "") + arrow

    def number(self, value: float) -> str:
        """A figure as printed; one too small for the column's digits keeps its first."""
        tiny = 0 < abs(value) < 0.5 * 10**-self.digits
        return f"{value:.1g}" if tiny else f"{value:,.{self.digits}f}"
