//! What a cold start costs: the authorizer beside a function that does nothing and beside an authorizer as one would
//! write it for Node or Python, all with the same event, issuer and store on loopback. Linux only; `make bench`
//! installs what it needs.

mod functions;
#[path = "../../crates/usage/tests/stores/servers.rs"]
#[expect(dead_code, reason = "the store's tests use the rest")]
mod servers;
mod world;

use tests::{FirstAnswer, first_answer};

use functions::Function;
use world::World;

/// Of each function, after one that does not count.
const RUNS: usize = 9;

#[tokio::main]
async fn main() {
    let functions = functions::all();
    let world = World::new().await;
    let mut runs: [Vec<FirstAnswer>; 4] = Default::default();
    for round in 0..=RUNS {
        // Each round begins with another, so that nobody always comes after the same.
        for index in (0..functions.len()).map(|place| (place + round) % functions.len()) {
            let run = start(&functions[index], &world).await;
            if round > 0 {
                runs[index].push(run);
            }
        }
    }
    println!(
        "| median of {RUNS} (least to most) | start-up, ms | start-up and first decision, ms | peak memory, MiB | package, MB |"
    );
    println!("|---|---|---|---|---|");
    for (function, runs) in functions.iter().zip(&runs) {
        println!(
            "| {} | {} | {} | {} | {:.1} |",
            function.name,
            spread(runs, |run| run.start_up.as_secs_f64() * 1e3),
            spread(runs, |run| run.answered.as_secs_f64() * 1e3),
            spread(runs, |run| run.peak_memory_kib as f64 / 1024.0),
            function.package_bytes() as f64 / 1e6
        );
    }
}

async fn start(function: &Function, world: &World) -> FirstAnswer {
    let run = first_answer(function.command(&world.settings), &world.event).await;
    assert_eq!(run.answer["isAuthorized"], true, "{}: {}", function.name, run.answer);
    // An answer that did without the store is none of those compared here.
    assert!(!function.decides || run.answer["context"]["decision"] == "allowed", "{}: {}", function.name, run.answer);
    run
}

fn spread(runs: &[FirstAnswer], figure: impl Fn(&FirstAnswer) -> f64) -> String {
    let mut figures: Vec<f64> = runs.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    format!("{:.1} ({:.1} to {:.1})", figures[figures.len() / 2], figures[0], figures[figures.len() - 1])
}
