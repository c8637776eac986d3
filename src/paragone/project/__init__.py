"""The project on disk: parameters, paths, pipelines, registry, fingerprints, files."""
