#!/bin/sh
# One database and one role for each service; no role may open another's database.
set -eu
for service in personnel fieldwork scoring intel; do
    psql -v ON_ERROR_STOP=1 -v name="cunjing_$service" -v password="$SERVICE_PASSWORD" --username "$POSTGRES_USER" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
