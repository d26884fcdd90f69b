"""Human ratings of image captions: the store, who rates what next, and how ratings agree with a metric."""
