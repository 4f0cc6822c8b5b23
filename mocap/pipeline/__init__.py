"""The only place that composes the stages. Its modules are imported one by one, so that none waits for all."""
