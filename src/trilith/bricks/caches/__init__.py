"""Where answers are kept to be given again."""
