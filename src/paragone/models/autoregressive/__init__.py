"""Autoregressive models of pixels."""
