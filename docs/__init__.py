"""The documentation; its reference is made by docs.generate."""
