"""An extraction, as both extractors do it: the job, the worker, the command."""
