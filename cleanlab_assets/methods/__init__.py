"""What serves several task families: folds, out-of-sample predictions, label issues, planted errors, variants."""
