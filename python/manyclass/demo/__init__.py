"""A next-token model over a large vocabulary, trained end to end: ``python -m manyclass.demo``."""
