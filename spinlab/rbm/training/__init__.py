"""How a machine learns: the trainer, its optimisers, schedules, projections, callbacks and checkpoints."""
