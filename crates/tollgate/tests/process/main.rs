//! The command as its user sees it: output, exit codes and signals.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails at the first unexpected result"
)]

mod administration_guide;
mod administrator;
mod apply;
mod apply_faults;
mod audit;
mod banner;
mod blocks;
mod broken_responses;
mod check;
mod check_api;
mod check_output;
mod check_stack;
mod completions;
mod compose_check;
mod compose_serve;
mod compose_try;
mod console;
mod console_process;
mod documented;
mod dump;
mod explain;
mod import_kong;
mod import_usage_plans;
mod invalid_input;
mod invoke;
mod keys;
mod keys_create;
mod local_console;
mod log;
mod network;
mod operator;
mod other_servers;
mod otlp;
mod output;
mod plans;
mod policies;
mod private_ca;
mod program;
mod shutdown;
mod signature;
mod stack;
mod stored_compositions;
mod target;
mod template;
mod token;
mod usage;
mod usage_watch;
mod workflow;
