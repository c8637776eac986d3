"""One flow run: what was asked, the plan, resources, processes and progress."""
