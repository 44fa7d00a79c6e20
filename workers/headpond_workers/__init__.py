"""Run the jobs of one queue in one process."""
