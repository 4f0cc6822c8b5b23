"""What the app knows and decides, without a widget: tested by plain functions and a fake runner of jobs."""
