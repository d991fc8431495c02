"""The schema, version by version. Applied to real files: never edit one, append a migration.

`doc` names a revision of a memory: a change of its text takes the next number, and what postings and vectors hold of
the number before no longer joins. So both are only ever appended to, and `maintain` clears the remains.
No index but the primary keys: sorted postings are found by row group, and a secondary index forbids later changes.
"""

SCHEMA_1 = (
    "CREATE SEQUENCE doc_seq",
    """
    CREATE TABLE memories (
        id VARCHAR PRIMARY KEY,
        content VARCHAR NOT NULL,
        memory_type VARCHAR NOT NULL,
        tags VARCHAR[] NOT NULL,
        source VARCHAR,
        project_id VARCHAR,               -- NULL: of no project
        client_id VARCHAR,
        session_id VARCHAR,
        certainty_score DOUBLE NOT NULL,
        quality_score DOUBLE NOT NULL,
        created_at TIMESTAMP NOT NULL,    -- all times are UTC
        updated_at TIMESTAMP NOT NULL,
        deleted_at TIMESTAMP,             -- not NULL: in the trash
        doc BIGINT NOT NULL,
        dl UINTEGER NOT NULL,             -- how many terms the text has
        terms_digest BLOB NOT NULL        -- equal for equal terms
    )
    """,
    # Sorted by term; `maintain` moves what `postings_delta` gathered in the order of writing.
    "CREATE TABLE postings (term VARCHAR NOT NULL, doc BIGINT NOT NULL, tf UINTEGER NOT NULL, dl UINTEGER NOT NULL)",
    """
    CREATE TABLE postings_delta (term VARCHAR NOT NULL, doc BIGINT NOT NULL, tf UINTEGER NOT NULL, dl UINTEGER NOT NULL)
    """,
    # The vectors of model `key` are in the table vectors_<key>, whose columns follow from its dimension.
    """
    CREATE TABLE models (
        key INTEGER PRIMARY KEY,
        name VARCHAR NOT NULL,
        revision VARCHAR NOT NULL,
        dimension INTEGER NOT NULL,
        is_current BOOLEAN NOT NULL
    )
    """,
    # Revisions outside the trash that have no vector of the current model.
    "CREATE TABLE unembedded (doc BIGINT NOT NULL)",
)

SCHEMA_2 = (
    "ALTER TABLE models ADD COLUMN spec VARCHAR",  # how to load it again, such as onnx:all-MiniLM-L6-v2
    "ALTER TABLE models ADD COLUMN is_next BOOLEAN",  # its vectors are being made while another model serves
    "CREATE TABLE notes (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)",
    # Which analyser made the terms in the postings.
    "INSERT INTO notes VALUES ('analyser', '1')",
)

# `memories` has the state of now, `revisions` every state before; `doc` of a state keeps its postings and vectors, so
# that a search can be made as of any moment. `changed_at` is when a state began, `valid_to` when it ended.
_STATE = """
    id VARCHAR{key},
    content VARCHAR NOT NULL,
    memory_type VARCHAR NOT NULL,
    tags VARCHAR[] NOT NULL,
    source VARCHAR,
    project_id VARCHAR,
    client_id VARCHAR,
    session_id VARCHAR,
    certainty_score DOUBLE NOT NULL,
    quality_score DOUBLE NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    deleted_at TIMESTAMP,
    expires_at TIMESTAMP,
    review_by TIMESTAMP,
    topic_key VARCHAR,
    superseded_by VARCHAR,
    revision INTEGER NOT NULL,
    changed_at TIMESTAMP NOT NULL,
    action VARCHAR NOT NULL,
    by_key VARCHAR,
    by_client VARCHAR,
    reason VARCHAR,
    batch_id VARCHAR,
    doc BIGINT NOT NULL,
    dl UINTEGER NOT NULL,
    terms_digest BLOB NOT NULL,
    content_digest UBIGINT NOT NULL   -- equal for exact repeats; 0 until the analyser has been over it
"""

SCHEMA_3 = (
    f"CREATE TABLE memories_3 ({_STATE.format(key=' PRIMARY KEY')})",
    """
    INSERT INTO memories_3
    SELECT id, content, memory_type, tags, source, project_id, client_id, session_id, certainty_score, quality_score,
        created_at, updated_at, deleted_at, NULL, NULL, NULL, NULL,
        1, created_at, 'create', NULL, client_id, NULL, NULL, doc, dl, terms_digest, 0
    FROM memories ORDER BY doc
    """,
    "DROP TABLE memories",
    "ALTER TABLE memories_3 RENAME TO memories",
    f"CREATE TABLE revisions ({_STATE.format(key=' NOT NULL')}, valid_to TIMESTAMP NOT NULL)",
    # Pairs that say nearly the same; `settled` is what a person decided, NULL while the pair is open.
    """
    CREATE TABLE links (
        newer VARCHAR NOT NULL, older VARCHAR NOT NULL, kind VARCHAR NOT NULL, similarity DOUBLE NOT NULL,
        differences VARCHAR NOT NULL, found_at TIMESTAMP NOT NULL, settled VARCHAR
    )
    """,
    # What requests that carried a key were answered.
    """
    CREATE TABLE answers (
        key VARCHAR PRIMARY KEY, request VARCHAR NOT NULL, answer VARCHAR NOT NULL, answered_at TIMESTAMP NOT NULL
    )
    """,
    # Memories that could not be compared by meaning when they came.
    "CREATE TABLE uncompared (id VARCHAR NOT NULL)",
)

SCHEMA_4 = (
    # Names that mean another project: one that is no alias itself. No memory has such a name for its project.
    """
    CREATE TABLE project_aliases (
        alias VARCHAR PRIMARY KEY, project_id VARCHAR NOT NULL, made_at TIMESTAMP NOT NULL, batch_id VARCHAR NOT NULL
    )
    """,
    # What a name meant before and after each change of that; NULL: itself.
    """
    CREATE TABLE alias_changes (
        batch_id VARCHAR NOT NULL, alias VARCHAR NOT NULL, before VARCHAR, after VARCHAR,
        changed_at TIMESTAMP NOT NULL, action VARCHAR NOT NULL, by_key VARCHAR, by_client VARCHAR, reason VARCHAR
    )
    """,
)
