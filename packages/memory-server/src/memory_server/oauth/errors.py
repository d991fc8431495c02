"""What goes wrong between a client and the authorization server, in the words of OAuth."""


class OAuthError(Exception):
    """Answered as JSON (RFC 6749, 5.2 and RFC 7591, 3.2.2): `error` is for programs, the text for people."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error = error


class UnknownClientError(Exception):
    """Nobody knows who asks, or where to send an answer: the person at the browser is told, and nobody else."""


class WrongRequestError(Exception):
    """The client is known but asks wrongly. `back_to` tells it so, if the person wants to go there."""

    def __init__(self, text: str, *, back_to: str) -> None:
        super().__init__(text)
        self.back_to = back_to
