"""Public losses: functions and modules, each a docstring and a call of the engine."""
