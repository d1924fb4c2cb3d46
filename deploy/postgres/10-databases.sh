#!/bin/sh
# One database and one role for each service; no role may open another's database.
set -eu
create() {
    psql -v ON_ERROR_STOP=1 -v name="cunjing_$1" -v password="$2" --username "$POSTGRES_USER" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}
create personnel "$PERSONNEL_PASSWORD"
create fieldwork "$FIELDWORK_PASSWORD"
create scoring "$SCORING_PASSWORD"
create intel "$INTEL_PASSWORD"
