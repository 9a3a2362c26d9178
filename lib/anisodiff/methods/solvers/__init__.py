"""Methods that solve a problem through its linear operator, one file each, by SciPy and well-kept libraries."""
