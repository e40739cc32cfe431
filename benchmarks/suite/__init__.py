"""Tasks and agents: what tasks prove, all planners and learners in stages, and attempts at Place."""
