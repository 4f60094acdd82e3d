"""What a person reads: plots and self-contained HTML reports."""
