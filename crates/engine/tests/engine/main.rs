//! The engine from its door: what is asked, what is answered, what is counted.

mod admission;
mod answers;
mod caching;
mod calls;
mod ensemble_caching;
mod ensemble_laws;
mod ensembles;
mod house;
mod laws;
mod life;
mod limits;
mod namespaces;
mod ragged;
mod readiness;
mod recalling;
mod remote_cache;
mod rounds;
mod scheduling;
mod sequences;
mod statistics;
mod support;
mod threads;
