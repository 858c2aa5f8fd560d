//! Runs the simulations, and prints a line of JSON for each.
//!
//! `scale` runs all of them, `scale NAME` those whose name contains the text, and `scale --list`
//! prints the names.

#![expect(clippy::print_stdout, reason = "the figures are printed")]

use scale::scenarios;

fn main() -> Result<(), String> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for scenario in scenarios::all() {
        if wanted == "--list" {
            println!("{}", scenario.name);
        } else if scenario.name.contains(&wanted) {
            println!("{}", scale::simulation::run(&scenario)?.0);
        }
    }
    Ok(())
}
