"""What can stop a measurement.

BenchmarkError
├── SetupError        something the machine lacks, with the way to get it
├── ServerError       a server that did not start, or that died
└── WrongAnswerError  a reply that came, but is not right: its speed does not count
"""


class BenchmarkError(Exception):
    """The root of everything raised here."""


class SetupError(BenchmarkError):
    """The machine lacks something; the message names it and how to get it."""


class ServerError(BenchmarkError):
    """A server did not start, did not become ready, or died under load."""


class WrongAnswerError(BenchmarkError):
    """A reply differs from what the model computes, or carries a failing status."""
