-- The store: one counter, one table of current objects, one log of changes, the leases.
-- Everything lives in the schema `longshore`, which is the connection's search path.

-- The one row whose lock orders all writers. The low fill factor keeps its many versions in one page.
CREATE TABLE counter (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- The newest revision.
    revision bigint NOT NULL DEFAULT 0,
    -- The log is complete after this revision.
    compacted bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO counter DEFAULT VALUES;

-- Bodies are exact bytes, kept inline and uncompressed: compression costs most of the throughput.
CREATE TABLE objects (
    kind text COLLATE "C" NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (kind, namespace, name)
) WITH (toast_tuple_target = 8160, fillfactor = 80, autovacuum_vacuum_scale_factor = 0.1);
ALTER TABLE objects ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE log (
    revision bigint PRIMARY KEY,
    written_at timestamptz NOT NULL DEFAULT now(),
    kind text COLLATE "C" NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    -- NULL: the object was deleted.
    body bytea,
    -- The revision that this one replaced; its row is kept as long as this one is not compacted.
    previous bigint,
    -- What it replaced, where the row of `previous` was compacted already.
    old_body bytea
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE log ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE log ALTER COLUMN old_body SET STORAGE EXTERNAL;
CREATE INDEX log_previous ON log (previous) WHERE previous IS NOT NULL;

-- How far compaction has deleted what the counter's row has given up.
CREATE TABLE sweep (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    swept bigint NOT NULL DEFAULT 0
);
INSERT INTO sweep DEFAULT VALUES;

-- The right to act as the one active copy. A row is never deleted, so that epochs only grow.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text,
    epoch bigint NOT NULL,
    expires_at timestamptz NOT NULL
);

-- A known text under the envelope key, by which a wrong key is noticed at the start.
CREATE TABLE envelope (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    proof bytea NOT NULL
);

-- Commits a batch in which no key stands twice. Transactions are given by the number of each
-- write's transaction (`members`), from 1 on; `fences` and `epochs` have one entry for each
-- transaction, or are NULL when none has a fence. `expected` is a revision, or 0: absent,
-- -1: any, -2: present.
--
-- Answers the revision before the batch; the writes that must be refused (by position) with the
-- current revisions; and the transactions that lost their lease. Accepted writes have the revisions
-- that follow, in order.
CREATE FUNCTION commit_batch(
    sender text,
    kinds text[],
    namespaces text[],
    names text[],
    expected bigint[],
    bodies bytea[],
    members integer[],
    fences text[],
    epochs bigint[],
    OUT before bigint,
    OUT refused integer[],
    OUT current bigint[],
    OUT fenced integer[]
)
LANGUAGE plpgsql AS $$
DECLARE
    floor_revision bigint;
    total bigint := cardinality(kinds);
    accepted bigint := total;
    replaced bigint[];
    revisions bigint[];
BEGIN
    -- The lock comes first. What follows is in later statements, whose snapshots are newer than
    -- the lock: one statement would compare with what was there before it had to wait.
    UPDATE counter AS c SET revision = c.revision + total
    RETURNING c.revision - total, c.compacted INTO before, floor_revision;

    IF fences IS NOT NULL THEN
        SELECT array_agg(f.transaction) INTO fenced
        FROM unnest(fences, epochs) WITH ORDINALITY AS f(lease, epoch, transaction)
        WHERE f.lease IS NOT NULL
          AND NOT EXISTS (SELECT FROM leases AS l WHERE l.name = f.lease AND l.epoch = f.epoch);
    END IF;

    -- The scalar sub-select keeps to the index, whatever the table's statistics say.
    SELECT array_agg(w.current ORDER BY w.at),
           array_agg(w.at ORDER BY w.at) FILTER (WHERE CASE w.expected
               WHEN -1 THEN false
               WHEN -2 THEN w.current IS NULL
               WHEN 0 THEN w.current IS NOT NULL
               ELSE w.current IS DISTINCT FROM w.expected
           END)
    INTO replaced, refused
    FROM (
        SELECT u.at, u.expected, (
            SELECT o.revision FROM objects AS o
            WHERE o.kind = u.kind AND o.namespace = u.namespace AND o.name = u.name
        ) AS current
        FROM unnest(kinds, namespaces, names, expected)
            WITH ORDINALITY AS u(kind, namespace, name, expected, at)
    ) AS w;

    IF refused IS NULL AND fenced IS NULL THEN
        revisions := ARRAY(SELECT generate_series(before + 1, before + total));
    ELSE
        current := replaced;
        SELECT array_agg(CASE WHEN v.accepted THEN before + v.number END ORDER BY v.at),
               count(*) FILTER (WHERE v.accepted)
        INTO revisions, accepted
        FROM (
            SELECT a.at, a.accepted, count(*) FILTER (WHERE a.accepted) OVER (ORDER BY a.at) AS number
            FROM (
                SELECT m.at,
                       m.transaction <> ALL (COALESCE(fenced, '{}'))
                       AND m.transaction <> ALL (
                           ARRAY(SELECT members[r] FROM unnest(refused) AS r)
                       ) AS accepted
                FROM unnest(members) WITH ORDINALITY AS m(transaction, at)
            ) AS a
        ) AS v;
        UPDATE counter SET revision = before + accepted;
    END IF;
    IF accepted = 0 THEN
        RETURN;
    END IF;

    INSERT INTO log (revision, kind, namespace, name, body, previous, old_body)
    SELECT u.revision, u.kind, u.namespace, u.name, u.body, u.previous,
           CASE WHEN u.previous <= floor_revision THEN (
               SELECT o.body FROM objects AS o
               WHERE o.kind = u.kind AND o.namespace = u.namespace AND o.name = u.name
           ) END
    FROM unnest(revisions, kinds, namespaces, names, bodies, replaced)
        AS u(revision, kind, namespace, name, body, previous)
    WHERE u.revision IS NOT NULL AND (u.body IS NOT NULL OR u.previous IS NOT NULL);

    INSERT INTO objects AS o (kind, namespace, name, revision, body)
    SELECT u.kind, u.namespace, u.name, u.revision, u.body
    FROM unnest(revisions, kinds, namespaces, names, bodies)
        AS u(revision, kind, namespace, name, body)
    WHERE u.revision IS NOT NULL AND u.body IS NOT NULL
    ON CONFLICT (kind, namespace, name)
    DO UPDATE SET revision = excluded.revision, body = excluded.body;

    IF array_position(bodies, NULL) IS NOT NULL THEN
        DELETE FROM objects AS o WHERE o.ctid = ANY (ARRAY(
            SELECT (
                SELECT d.ctid FROM objects AS d
                WHERE d.kind = u.kind AND d.namespace = u.namespace AND d.name = u.name
            )
            FROM unnest(revisions, kinds, namespaces, names, bodies)
                AS u(revision, kind, namespace, name, body)
            WHERE u.revision IS NOT NULL AND u.body IS NULL
        ));
    END IF;

    PERFORM pg_notify('longshore', (before + accepted) || ' ' || sender);
END
$$;

-- A body as JSON; NULL when it is sealed, or holds what `jsonb` can not hold.
CREATE FUNCTION as_json(body bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF get_byte(body, 0) = 0 THEN
        RETURN NULL;
    END IF;
    RETURN convert_from(body, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception OR array_subscript_error THEN
    RETURN NULL;
END
$$;

-- For operators. The WITH makes a view read-only.
CREATE VIEW cluster AS
    WITH shown AS (
        SELECT kind, namespace, name, revision, as_json(body) AS object FROM objects
    )
    SELECT * FROM shown;

CREATE VIEW history AS
    WITH shown AS (
        SELECT revision, written_at, kind, namespace, name, body IS NULL AS deleted,
               as_json(body) AS object
        FROM log
    )
    SELECT * FROM shown;
