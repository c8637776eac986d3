"""The commands of `paragone`, as the command line reads them; `cli/app.py` has them in order."""
