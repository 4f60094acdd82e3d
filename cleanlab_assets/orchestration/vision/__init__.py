"""What the families on images share in the orchestration."""
