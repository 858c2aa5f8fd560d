//! An invalid plan.

use std::fmt;

use crate::mistake::Mistake;

/// All mistakes in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// The mistakes, at least one.
    pub mistakes: Vec<Mistake>,
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            write!(formatter, "{}{mistake}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
