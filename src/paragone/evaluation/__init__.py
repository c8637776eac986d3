"""The protocol of a measurement, its statistics, metrics, feature spaces and studies."""
