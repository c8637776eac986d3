"""The columns of the tables: where a figure comes from, its unit, which way is better, how it is written."""
