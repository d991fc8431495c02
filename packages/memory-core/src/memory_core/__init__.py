"""What a memory is. Importing this package costs nothing: take what you need from its modules."""

__version__ = "0.1.0"
