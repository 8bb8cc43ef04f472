"""Trilith: an inference server put together from bricks, speaking the KServe v2 / Triton protocol."""

__version__ = "0.1.0"
