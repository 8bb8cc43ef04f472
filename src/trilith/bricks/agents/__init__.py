"""What is asked before a model is loaded, and told when it goes."""
