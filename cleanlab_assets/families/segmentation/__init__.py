"""The segmentation family: images with a class for every pixel."""
