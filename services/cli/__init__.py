"""The command line `cunjing`, one small module per command."""
