//! The span of time of an overview, in steps of CloudWatch's periods.

use jiff::{SignedDuration, Timestamp};

use crate::overview::Range;

/// A span of time in steps of equal duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) step_s: u32,
    pub(crate) steps: u32,
}

impl Window {
    /// Returns the span of a range until now. Its last step is in progress.
    pub(crate) fn of(range: Range, now: Timestamp) -> Self {
        // Metrics of API Gateway have a resolution of one minute.
        let (step_s, steps) = match range {
            Range::QuarterHour => (60, 15),
            Range::ThreeHours => (300, 36),
            Range::Day => (900, 96),
            Range::Week => (3_600, 168),
        };
        let step = i64::from(step_s);
        let end = (now.as_second().div_euclid(step) + 1) * step;
        let to = Timestamp::from_second(end).unwrap_or(now);
        let length = SignedDuration::from_secs(step * i64::from(steps));
        Self {
            from: to.checked_sub(length).unwrap_or(to),
            to,
            step_s,
            steps,
        }
    }

    /// Returns the duration in seconds.
    pub(crate) const fn length_s(&self) -> u32 {
        self.step_s * self.steps
    }

    /// Returns the beginning of a step.
    pub(crate) fn start(&self, step: usize) -> Timestamp {
        let seconds = i64::from(self.step_s) * i64::try_from(step).unwrap_or_default();
        let start = self.from.checked_add(SignedDuration::from_secs(seconds));
        start.unwrap_or(self.to)
    }

    /// Returns the step of an instant, or `None` if it is outside.
    pub(crate) fn step(&self, at: Timestamp) -> Option<usize> {
        let seconds = at.as_second().checked_sub(self.from.as_second())?;
        let step = usize::try_from(seconds.div_euclid(i64::from(self.step_s))).ok()?;
        (step < self.len()).then_some(step)
    }

    /// Returns the number of steps.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.steps).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn last_step_is_in_progress() {
        let now = at("2026-11-28T12:07:30Z");
        for (range, from, to) in [
            (
                Range::QuarterHour,
                "2026-11-28T11:53:00Z",
                "2026-11-28T12:08:00Z",
            ),
            (
                Range::ThreeHours,
                "2026-11-28T09:10:00Z",
                "2026-11-28T12:10:00Z",
            ),
            (Range::Day, "2026-11-27T12:15:00Z", "2026-11-28T12:15:00Z"),
            (Range::Week, "2026-11-21T13:00:00Z", "2026-11-28T13:00:00Z"),
        ] {
            let window = Window::of(range, now);
            assert_eq!((window.from, window.to), (at(from), at(to)), "{range:?}");
            assert_eq!(window.step(now), Some(window.len() - 1));
            assert_eq!(window.start(window.len()), window.to);
            assert_eq!(
                (window.step(window.from), window.step(window.to)),
                (Some(0), None)
            );
        }
    }
}
