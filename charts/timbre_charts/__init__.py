"""What makes the generated files of the charts: the values' schema and the dashboards. Not part of any component."""
