"""Other harnesses' result formats: read into a run, and written from one."""
