#!/bin/sh
# For each service one database, the role its processes work as, and the owner of the tables, whom the migrations work as:
# the first may only add to the audit. No role may open another's database. Runs again without harm.
set -eu
create() {
    psql -v ON_ERROR_STOP=1 -v name="cunjing_$1" -v owner="cunjing_$1_owner" -v password="$2" \
        -v owner_password="$OWNER_PASSWORD" --username "$POSTGRES_USER" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', role) FROM unnest(ARRAY[:'name', :'owner']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
ALTER ROLE :"name" PASSWORD :'password';
ALTER ROLE :"owner" PASSWORD :'owner_password';
GRANT :"name" TO :"owner";
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
ALTER DATABASE :"name" OWNER TO :"owner";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"name" TO :"name";
SQL
}
create personnel "$PERSONNEL_PASSWORD"
create fieldwork "$FIELDWORK_PASSWORD"
create scoring "$SCORING_PASSWORD"
create intel "$INTEL_PASSWORD"
