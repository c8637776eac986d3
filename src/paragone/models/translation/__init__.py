"""Image to image: models that translate a source image."""
