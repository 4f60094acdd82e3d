"""The object detection family: boxes with a class in images."""
