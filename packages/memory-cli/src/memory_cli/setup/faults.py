"""Why a text cannot be edited."""


class FaultError(ValueError):
    """It cannot be parsed; says where, and why."""


class ShapeError(Exception):
    """It can be parsed, and keeps something in a way that is not edited here; says what."""
