"""`python -m paragone` (and torchrun's `-m paragone`) is the command `paragone`."""

from paragone.cli.app import main

main()
