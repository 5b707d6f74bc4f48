"""What models compute: one file for each, chosen by a row of `ml.registry`."""
