"""How a column writes its figures."""

from paragone.results.columns.spaces import distance


def test_a_small_figure_keeps_a_digit():
    column = distance("lite0-64")
    assert [column.number(v) for v in (1234.5678, 0.004, 0.0, -0.0001)] == ["1,234.57", "0.004", "0.00", "-0.0001"]
