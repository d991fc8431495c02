"""What all tests share: Hypothesis sets no time limit for an example, because a machine may be busy with others."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
