"""Claims of surveys, each with the measurement that tests it; one file per claim."""
