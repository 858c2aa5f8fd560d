//! The peers that are written in Rust, each measured by a process of its own: `peers governor CALLERS`,
//! `peers limitador CALLERS`,
//! `peers metrics_cloudwatch RECORDS.json http://…`. Prints JSON.

mod in_memory;
mod metrics_to_cloudwatch;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let printed = match arguments[..] {
        ["governor", callers] => serde_json::json!(in_memory::governor(callers.parse().expect("a number"))),
        ["limitador", callers] => serde_json::json!(in_memory::limitador(callers.parse().expect("a number"))),
        ["metrics_cloudwatch", records, endpoint] => metrics_to_cloudwatch::publish(records, endpoint),
        _ => {
            eprintln!("usage: peers governor CALLERS | limitador CALLERS | metrics_cloudwatch RECORDS.json URL");
            std::process::exit(2);
        }
    };
    println!("{printed}");
}
