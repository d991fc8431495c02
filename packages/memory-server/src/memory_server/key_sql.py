"""The questions and orders of `key_store`, one constant each."""

ANY = "SELECT EXISTS (SELECT 1 FROM keys)"
ALL = """
    SELECT name, scope, projects, client_id, created_at, expires_at, revoked_at, max_memories, max_bytes
    FROM keys
    ORDER BY created_at, rowid
"""
ONE = """
    SELECT name, scope, projects, client_id, created_at, expires_at, revoked_at, max_memories, max_bytes
    FROM keys
    WHERE name = :name
"""
HOLDER = """
    SELECT name, scope, projects, client_id, keys.created_at, expires_at, revoked_at, max_memories, max_bytes,
           digest, secrets.created_at AS issued_at, ends_at
    FROM secrets JOIN keys USING (name)
    WHERE digest = :digest AND revoked_at IS NULL
"""
WORKING_SECRETS = """
    SELECT digest, created_at AS issued_at, ends_at
    FROM secrets
    WHERE name = :name AND (ends_at IS NULL OR ends_at > :now)
    ORDER BY created_at DESC, ends_at IS NOT NULL
"""
OTHER_ADMINS = """
    SELECT count(*)
    FROM keys
    WHERE scope = 'admin' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now) AND name <> :name
"""
ADD_KEY = """
    INSERT INTO keys (name, scope, projects, client_id, created_at, expires_at, max_memories, max_bytes)
    VALUES (:name, :scope, :projects, :client_id, :now, :expires_at, :max_memories, :max_bytes)
"""
KEEP_DIGEST = "INSERT INTO secrets (digest, name, created_at) VALUES (:digest, :name, :now)"
REVOKE = "UPDATE keys SET revoked_at = :now WHERE name = :name"
SET_EXPIRY = "UPDATE keys SET expires_at = :expires_at WHERE name = :name"
END_SECRETS = "UPDATE secrets SET ends_at = min(coalesce(ends_at, :end), :end) WHERE name = :name"
FORGET_ENDED = "DELETE FROM secrets WHERE name = :name AND ends_at <= :now"
FORGET_SECRETS = "DELETE FROM secrets WHERE name = :name"
