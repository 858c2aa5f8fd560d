//! The costs of administering 10,000 keys on ministack: requests and items as a proxy counts
//! them, and the time compared with the emulator's own time for the same items. Needs what
//! `make tools` installs. Takes about three minutes.
//!
//! The emulator takes most of the time. The ratio therefore says what the function adds to it.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends at the first surprise"
)]

mod floor;
mod reports;
mod rows;
mod world;

use rows::{Ratio, Rows};
use world::World;

/// The keys of each measurement.
const KEYS: usize = 10_000;
/// The most rows of a page.
const PAGE: usize = 100;
/// The rounds of each comparison, unless `BENCH_ROUNDS` is set. Each has its own emulators.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    println!("| {KEYS} keys | measured | goal |\n|---|---|---|");

    let mut rows = Rows::default();
    let mut last = None;
    for round in 0..rounds() {
        // Ends the emulators of the round before.
        drop(last.take());
        last = Some(compare(&mut rows, round).await);
    }
    rows.print_ratios();

    let world = last.expect("a round");
    reports::print(&world).await;
}

fn rounds() -> usize {
    let rounds = std::env::var("BENCH_ROUNDS").ok();
    rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number"))
}

/// Measures an import, a repeated import, a listing and an export, each after or before its floor in
/// turn.
async fn compare(rows: &mut Rows, round: usize) -> World {
    let (ours, plain) = tokio::join!(World::start(), World::start());
    let is_plain_first = round % 2 == 1;
    tokio::join!(ours.create_plan(), plain.create_plan());

    let file = ours.key_file();
    let imported = ours.measure(ours.import(&file)).await;
    let items = floor::Items::scan(&ours).await;
    let written = plain.measure(floor::write(&plain, &items)).await;
    rows.add("import", Ratio::new(imported, written, 320, 1.3));

    let reads = async || ours.measure(floor::read_keys(&ours, &items)).await;
    let import = async || ours.measure(ours.import(&file)).await;
    let (again, read) = in_turn(is_plain_first, import, reads).await;
    rows.add("import without changes", Ratio::new(again, read, 110, 1.3));

    let pages = async || ours.measure(floor::read_pages(&ours)).await;
    let list = async || ours.measure(ours.list()).await;
    let (listed, read) = in_turn(is_plain_first, list, pages).await;
    rows.add("listing, page by page", Ratio::new(listed, read, 210, 1.3));

    let export = async || ours.measure(ours.export()).await;
    let (exported, read) = in_turn(is_plain_first, export, pages).await;
    rows.add("export", Ratio::new(exported, read, 140, 1.3));
    ours
}

/// Measures a subject and its floor, the floor first in every other round.
async fn in_turn<T>(
    is_floor_first: bool,
    subject: impl AsyncFn() -> T,
    floor: impl AsyncFn() -> T,
) -> (T, T) {
    if is_floor_first {
        let floor = floor().await;
        return (subject().await, floor);
    }
    (subject().await, floor().await)
}
