-- The row of a create does not repeat the object: the log has it. Before the log forgets it, the row
-- gets it.

CREATE INDEX audit_of_creates ON audit (after)
    WHERE diff IS NULL AND before IS NULL AND after IS NOT NULL;

CREATE OR REPLACE VIEW audit_events AS
    WITH shown AS (
        SELECT a.id, a.at, a.user_name, a.verb, a.kind, a.namespace, a.name, a.code, a.before, a.after,
               as_json(a.detail) AS detail,
               as_json(d.diff) #- '{metadata,managedFields}' AS diff,
               d.diff IS NOT NULL AND get_byte(d.diff, 0) = 0 AS sealed
        FROM audit AS a
        LEFT JOIN log AS l ON a.diff IS NULL AND a.before IS NULL AND l.revision = a.after,
        LATERAL (SELECT COALESCE(a.diff, l.body) AS diff) AS d
    )
    SELECT * FROM shown;
