"""Proof that nothing acknowledged is lost: a server that is killed again and again while clients write to it."""
