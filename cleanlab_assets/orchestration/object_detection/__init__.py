"""The object detection family: its assets level by level, its checks, its settings."""
