from django.db import migrations

FORWARDS = """
CREATE FUNCTION ingest_tally() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO ingest_steptally (library_id, step, state, difference)
        SELECT library_id, step, state, count(*) FROM after GROUP BY 1, 2, 3;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO ingest_steptally (library_id, step, state, difference)
        SELECT before.library_id, step, state, -count(*)
        FROM before JOIN library_library ON library_library.id = before.library_id GROUP BY 1, 2, 3;
    ELSE
        INSERT INTO ingest_steptally (library_id, step, state, difference)
        SELECT library_id, step, state, sum(n) FROM (
            SELECT library_id, step, state, 1 AS n FROM after
            UNION ALL
            SELECT library_id, step, state, -1 AS n FROM before
        ) AS moves GROUP BY 1, 2, 3 HAVING sum(n) <> 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ingest_tally_insert AFTER INSERT ON ingest_steprun
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION ingest_tally();
CREATE TRIGGER ingest_tally_update AFTER UPDATE ON ingest_steprun
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION ingest_tally();
CREATE TRIGGER ingest_tally_delete AFTER DELETE ON ingest_steprun
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION ingest_tally();
"""
BACKWARDS = """
DROP TRIGGER ingest_tally_insert ON ingest_steprun;
DROP TRIGGER ingest_tally_update ON ingest_steprun;
DROP TRIGGER ingest_tally_delete ON ingest_steprun;
DROP FUNCTION ingest_tally();
"""


class Migration(migrations.Migration):
    dependencies = [("ingest", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
