"""Carries the model that the image was built with, in the folder `weights`; announced by an entry point."""
