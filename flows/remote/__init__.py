"""Units of work on other machines."""
