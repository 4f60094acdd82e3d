"""What the families on images share: training set, issues of the images themselves, and the parts of their report."""
