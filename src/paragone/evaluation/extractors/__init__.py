"""Feature spaces: named, hashed extractors with a fixed preprocessing."""
