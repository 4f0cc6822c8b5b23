"""Long jobs of the app: what is asked for, and the pipeline's work that does it, in a process of its own."""
