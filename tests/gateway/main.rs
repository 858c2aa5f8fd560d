//! The gateway as a client, a backend and an attacker see it, over real connections.

mod attacks;
mod backends;
mod bodies;
mod clients;
mod limits;
mod settings;
mod template;
mod tokens;
