"""Tables, plots and HTML of a benchmark."""
