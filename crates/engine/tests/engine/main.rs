//! The engine from its door: what is asked, what is answered, what is counted.

mod admission;
mod answers;
mod caching;
mod laws;
mod life;
mod limits;
mod scheduling;
mod sequences;
mod statistics;
mod support;
mod threads;
