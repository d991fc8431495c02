"""What many clients at once do to a server: see `__main__`."""
