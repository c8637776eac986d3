"""Prefect flows: when stages run, where, how many at once. They run DVC's stages and hold no logic of their own."""
