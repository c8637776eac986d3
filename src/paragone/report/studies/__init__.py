"""The figures of the studies: a file each, under the study's name, with `plots(found, results) -> list[Plot]`."""
