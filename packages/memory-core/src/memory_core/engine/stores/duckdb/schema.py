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
