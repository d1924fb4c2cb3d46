#!/bin/sh
# Refuses the secrets of env.example, which everybody knows, and names their variables.
for name in POSTGRES_PASSWORD OWNER_PASSWORD PERSONNEL_PASSWORD FIELDWORK_PASSWORD SCORING_PASSWORD INTEL_PASSWORD; do
    eval "value=\$$name"
    case $value in
        changeme*) echo "$name has the value of env.example: give it another in deploy/.env" >&2; refused=1 ;;
    esac
done
exit "${refused:-0}"
