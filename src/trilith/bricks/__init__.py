"""Swappable parts, chosen by name. Each depends on :mod:`trilith.contract` alone."""
