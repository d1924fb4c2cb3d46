"""The demonstration: a real county worked for a month through the public HTTP API, like any client would."""
