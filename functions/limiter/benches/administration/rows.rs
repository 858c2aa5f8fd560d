//! The rows of the printed table.

use std::time::Duration;

use testing::Traffic;

/// The time of a measurement, and the requests that passed the proxy.
#[derive(Clone, Copy)]
pub(crate) struct Measurement {
    pub(crate) time: Duration,
    pub(crate) traffic: Traffic,
}

/// A measurement of the function compared with its floor.
pub(crate) struct Ratio {
    ours: Measurement,
    floor: Measurement,
    max_requests: usize,
    max_ratio: f64,
}

impl Ratio {
    pub(crate) fn new(
        ours: Measurement,
        floor: Measurement,
        max_requests: usize,
        max_ratio: f64,
    ) -> Self {
        Self {
            ours,
            floor,
            max_requests,
            max_ratio,
        }
    }

    fn value(&self) -> f64 {
        self.ours.time.as_secs_f64() / self.floor.time.as_secs_f64()
    }

    fn print(&self, name: &str) {
        let [ours, floor] = [&self.ours, &self.floor].map(|it| it.time.as_secs_f64());
        let (value, max_ratio) = (self.value(), self.max_ratio);
        println!(
            "| {name}, compared with plain requests | {ours:.2} s / {floor:.2} s = {value:.2} | ≤ {max_ratio} |"
        );
        let Traffic {
            requests,
            items_read,
            items_written,
        } = self.ours.traffic;
        let max_requests = self.max_requests;
        println!("| {name}: requests | {requests} | ≤ {max_requests} |");
        println!("| {name}: items read, written | {items_read}, {items_written} | – |");
    }
}

/// The ratios of all rounds, by name.
#[derive(Default)]
pub(crate) struct Rows {
    ratios: Vec<(&'static str, Vec<Ratio>)>,
}

impl Rows {
    pub(crate) fn add(&mut self, name: &'static str, ratio: Ratio) {
        match self.ratios.iter_mut().find(|(other, _)| *other == name) {
            Some((_, ratios)) => ratios.push(ratio),
            None => self.ratios.push((name, vec![ratio])),
        }
    }

    /// Prints the round with the median ratio of each comparison.
    pub(crate) fn print_ratios(&mut self) {
        for (name, ratios) in &mut self.ratios {
            ratios.sort_by(|one, other| one.value().total_cmp(&other.value()));
            if let Some(median) = ratios.get(ratios.len() / 2) {
                median.print(name);
            }
        }
    }
}

/// Prints a row about requests.
pub(crate) fn print_requests(name: &str, measured: &Measurement, max_requests: usize) {
    let Traffic {
        requests,
        items_read,
        ..
    } = measured.traffic;
    let seconds = measured.time.as_secs_f64();
    println!(
        "| {name}: requests | {requests} (for {items_read} items, in {seconds:.1} s) | ≤ {max_requests} |"
    );
}
