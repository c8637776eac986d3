"""What runs left behind, as one wide table; and the claims that are tested on it."""
