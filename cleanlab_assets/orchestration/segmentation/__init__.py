"""The segmentation family: its assets level by level, its checks, its settings."""
