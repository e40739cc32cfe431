"""Does a model's open-loop error tell what planning in it is worth? Whole models are held out."""
