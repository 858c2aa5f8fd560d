//! alb-sync as the template has it, and as the local gateway runs it.

mod schedule;
mod template;
