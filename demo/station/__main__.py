"""Command line of the station simulator."""

from typing import Annotated

import typer
import uvicorn

from demo.station.app import Station, create_station


def main(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")],
    secret: Annotated[str, typer.Option(help="whsec_… shared with the county.", envvar="STATION_SECRET")],
    callback_url: Annotated[str, typer.Option(help="…/v1/station-callbacks; the station's id is appended.")],
    fail_first: Annotated[int, typer.Option(help="Answer this many orders with 503 first.")] = 0,
    think_seconds: Annotated[float, typer.Option(help="Pause before each call back.")] = 0.2,
) -> None:
    """Simulate the systems of any number of police stations until SIGTERM."""
    station = Station(secret, callback_url, fail_first, think_seconds)
    uvicorn.run(create_station(station), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    typer.run(main)
