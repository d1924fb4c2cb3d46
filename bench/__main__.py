"""`make bench`: what the program costs beside the floor it stands on, measured in one run."""

from __future__ import annotations

import asyncio

from bench.run import run

if __name__ == "__main__":
    asyncio.run(run())
