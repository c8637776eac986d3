"""Which columns the tables show."""

from paragone.results.columns import by_table


def test_distances_come_first_in_the_profiles_order():
    labels = [c.label for c in by_table.main(["clf-x", "lite0-64", "inception-2015"])]
    assert labels[:5] == ["FD-clf", "FD-Lite0", "FID", "FD-clf over judges", "FD-clf to test"]
    assert labels.count("FID") == 1
