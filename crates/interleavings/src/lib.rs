//! Nothing but tests: the hand-overs between threads, run in every interleaving. See `tests/handovers.rs`.
