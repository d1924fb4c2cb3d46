"""`make bench`: what the program costs beside the floor it stands on, measured in one run."""

from __future__ import annotations

import uvloop

from bench.run import run

if __name__ == "__main__":
    uvloop.run(run())  # as the processes of the services do that run this code
