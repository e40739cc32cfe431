"""`worldsim bench suite`: all tasks, planners and learners, in stages."""
