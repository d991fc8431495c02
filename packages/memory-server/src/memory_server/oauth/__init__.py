"""OAuth 2.1 for connectors that can send no key: they ask, a person with an admin key approves, they get a token.

One server is both: the resource (`/mcp`, and REST beside it) and the authorization server. It is off without
MEMORY_PUBLIC_URL, and then nothing but `public` is imported. `authority` has it all together; from the inside out:

    redirects, clients       who may ask, and where an answer may go
    asking                   what is asked for, read from a query
    tables, tokens, grants   what was approved, and its codes and tokens: hashes in access.sqlite
    page, approval           the page on which a person says yes or no
    endpoints, edge          metadata, registration, tokens, and what browsers need
    keyring, admin           a token as a key among the others; grants seen and revoked by admins
"""
