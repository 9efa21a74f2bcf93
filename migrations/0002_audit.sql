-- The audit: one row for each write, and for each read of a secret.

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    user_name text NOT NULL,
    verb text NOT NULL,
    kind text COLLATE "C" NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    -- What was answered, as an HTTP status code.
    code integer NOT NULL,
    -- The object's revision before and after; NULL where it was not there, or nothing was written.
    before bigint,
    after bigint,
    -- Whatever else is known of the request: a JSON object.
    detail bytea NOT NULL,
    -- A merge patch from the old to the new object; sealed if the kind is.
    diff bytea
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE audit ALTER COLUMN detail SET STORAGE EXTERNAL;
ALTER TABLE audit ALTER COLUMN diff SET STORAGE EXTERNAL;

-- `commit_batch` that leaves the rows of the audit too. The `audit_` arrays have one entry for each
-- audited transaction; `audit_at` is the position of its first write, which the row is about. A
-- transaction that is refused leaves none.
CREATE FUNCTION commit_audited(
    sender text,
    kinds text[],
    namespaces text[],
    names text[],
    expected bigint[],
    bodies bytea[],
    members integer[],
    fences text[],
    epochs bigint[],
    audit_at integer[],
    audit_users text[],
    audit_verbs text[],
    audit_kinds text[],
    audit_namespaces text[],
    audit_names text[],
    audit_codes integer[],
    audit_befores bigint[],
    audit_details bytea[],
    audit_diffs bytea[],
    OUT before bigint,
    OUT refused integer[],
    OUT current bigint[],
    OUT fenced integer[]
)
LANGUAGE plpgsql AS $$
DECLARE
    revisions bigint[];
BEGIN
    SELECT b.before, b.refused, b.current, b.fenced INTO before, refused, current, fenced
    FROM commit_batch(sender, kinds, namespaces, names, expected, bodies, members, fences, epochs) AS b;

    IF refused IS NULL AND fenced IS NULL THEN
        revisions := ARRAY(SELECT generate_series(before + 1, before + cardinality(kinds)));
    ELSE
        SELECT array_agg(CASE WHEN v.accepted THEN commit_audited.before + v.number END ORDER BY v.at)
        INTO revisions
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
    END IF;

    INSERT INTO audit (user_name, verb, kind, namespace, name, code, before, after, detail, diff)
    SELECT a.user_name, a.verb, a.kind, a.namespace, a.name, a.code, a.before, revisions[a.at],
           a.detail, a.diff
    FROM unnest(
        audit_at, audit_users, audit_verbs, audit_kinds, audit_namespaces, audit_names, audit_codes,
        audit_befores, audit_details, audit_diffs
    ) AS a(at, user_name, verb, kind, namespace, name, code, before, detail, diff)
    WHERE revisions[a.at] IS NOT NULL;
END
$$;

-- For operators. The WITH makes a view read-only.
CREATE VIEW audit_events AS
    WITH shown AS (
        SELECT id, at, user_name, verb, kind, namespace, name, code, before, after,
               as_json(detail) AS detail, as_json(diff) AS diff,
               diff IS NOT NULL AND get_byte(diff, 0) = 0 AS sealed
        FROM audit
    )
    SELECT * FROM shown;
