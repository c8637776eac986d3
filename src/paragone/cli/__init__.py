"""The command `paragone`, and the commands that are no DVC stage."""
