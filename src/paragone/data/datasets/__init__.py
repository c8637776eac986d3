"""Data sets: one file each; where it comes from and how it becomes the one prepared format."""
