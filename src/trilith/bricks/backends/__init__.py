"""What runs models: one package for each kind."""
