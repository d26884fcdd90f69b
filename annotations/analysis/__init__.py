"""What ratings and metric scores say together: the tables, the parts of the analysis, the report."""
