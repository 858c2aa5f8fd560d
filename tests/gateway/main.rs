//! The gateway as a client, a backend and an attacker see it, over real connections.

mod administration;
mod administrators_hour;
mod attacks;
mod audit;
mod backends;
mod blocks;
mod bodies;
mod clients;
mod console;
mod cors;
mod deployment;
mod disclosure;
mod examples;
mod front;
mod key_settings;
mod limits;
mod metrics;
mod publisher;
mod secrets;
mod settings;
mod stores;
mod template;
mod token_location;
mod tokens;
mod usage_queries;
mod withheld;
