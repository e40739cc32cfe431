"""`worldsim bench laws`: has a model learned the law, or the clips?"""
