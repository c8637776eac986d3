"""DVC stages: one small module each; read params, call the library, write outputs."""
