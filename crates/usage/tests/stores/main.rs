//! The stores against real servers: the same behaviour everywhere, exactness under load, answers in time.
//! Needs what `make tools` installs.

mod alike;
mod behaviour;
mod exactness;
mod failure;
mod proxy;
mod servers;
mod subject;
