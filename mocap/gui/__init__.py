"""The desktop app: a face of the pipeline that computes nothing. The only room that knows Qt."""
