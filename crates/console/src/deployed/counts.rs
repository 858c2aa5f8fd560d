//! Counts per step of a window.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::window::Window;

/// A count for each step of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StepCounts(Vec<u64>);

impl StepCounts {
    /// Returns zero for each step.
    pub(crate) fn none(window: &Window) -> Self {
        Self(vec![0; window.len()])
    }

    /// Adds data points. Those outside the window are ignored.
    pub(crate) fn add_points(&mut self, window: &Window, points: &BTreeMap<Timestamp, f64>) {
        for (at, value) in points {
            self.add(window, *at, count(*value));
        }
    }

    /// Adds to the step of an instant.
    pub(crate) fn add(&mut self, window: &Window, at: Timestamp, number: u64) {
        let step = window.step(at).and_then(|step| self.0.get_mut(step));
        if let Some(counted) = step {
            *counted += number;
        }
    }

    /// Returns the count of a step.
    pub(crate) fn of(&self, step: usize) -> u64 {
        self.0.get(step).copied().unwrap_or_default()
    }

    /// Returns the sum.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Returns a sum of CloudWatch as a count.
pub(crate) fn count(value: f64) -> u64 {
    // A cast saturates, and NaN becomes 0.
    value.round() as u64
}
