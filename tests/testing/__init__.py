"""The tests of ``dgo.testing``."""
