//! Figures and refusals, with recorded responses.

mod overview;
mod reader;
mod recorded;
mod refusals;
