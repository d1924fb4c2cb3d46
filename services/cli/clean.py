"""`cunjing clean-data`."""

import typer

from services.cli.failures import told_in_words


def clean_data() -> None:
    """Forget everything `cunjing up` keeps in `.cunjing`: databases, facts, keys, logs. Refused while it runs."""
    from services.cli.laptop import laptop_stack, project_folder

    folder = project_folder()
    if not folder.exists():
        typer.echo(f"nothing to forget: there is no {folder}")
        return
    with told_in_words():
        laptop_stack(folder, 0, lambda *_: None).delete()
    typer.echo(f"forgot {folder}")
