//! Answers one request with the merged responses of several services.

mod part_call;
mod part_response;
mod service;
mod services;
