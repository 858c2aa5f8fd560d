//! The networks of a key in requests.

use addresses::Network;
use registry::MAX_ALLOWED_IPS;

use crate::problem::{Mistake, Problem};

/// Reads the networks of `allowed_ips`.
///
/// # Errors
/// 422 with every invalid one.
pub(super) fn read(texts: &[String]) -> Result<Vec<Network>, Problem> {
    let mistakes = mistakes(texts);
    if !mistakes.is_empty() {
        return Err(Problem::invalid_body(mistakes));
    }

    // There are no mistakes, so none is left out.
    let mut networks: Vec<Network> = Vec::with_capacity(texts.len());
    for network in texts.iter().filter_map(|text| text.parse().ok()) {
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    Ok(networks)
}

/// Returns the mistakes in the networks of `allowed_ips`.
pub(super) fn mistakes(texts: &[String]) -> Vec<Mistake> {
    let invalid = texts.iter().enumerate().filter_map(|(index, text)| {
        let error = text.parse::<Network>().err()?;
        Some(Mistake::at(
            format!("/allowed_ips/{index}"),
            error.to_string(),
        ))
    });
    let mut mistakes: Vec<_> = invalid.collect();

    if texts.len() > MAX_ALLOWED_IPS {
        let detail = format!("expected at most {MAX_ALLOWED_IPS} addresses and networks");
        mistakes.push(Mistake::at("/allowed_ips", detail));
    }
    mistakes
}
