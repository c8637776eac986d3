"""Image generators: one file per paper, in folders by family; `base.py` holds the contract."""
