"""Recording: from cameras to a trial."""
