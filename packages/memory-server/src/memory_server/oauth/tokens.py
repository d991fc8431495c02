"""Codes and tokens: made at random, known here by their hash, and recognised by how they begin."""

import base64
import hashlib
import hmac
import secrets

ACCESS, REFRESH, CODE = "cmo_", "cmr_", "cmc_"


def new_token(kind: str) -> str:
    return kind + secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def proves(verifier: str, challenge: str) -> bool:
    """PKCE with S256 (RFC 7636, 4.6)."""
    made = base64.urlsafe_b64encode(digest_of(verifier)).rstrip(b"=").decode()
    return hmac.compare_digest(made, challenge)
