//! Signals, shutdown, and output that is not read.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::program::{GatewayProcess, address_in, get, tollgate};

#[test]
fn signals_finish_requests_in_progress_and_exit_with_0() {
    for signal in ["INT", "TERM"] {
        let backend = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", backend.local_addr().unwrap());
        let mut gateway = GatewayProcess::start_with_backend(&url);
        let address = gateway.address;
        let client = std::thread::spawn(move || get(address, "/health"));
        let (mut target, _) = backend.accept().unwrap();
        let _ = target.read(&mut [0; 1024]).unwrap();
        gateway.signal(signal);
        // The listener closes while the request is still in progress.
        while TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
        target
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")
            .unwrap();
        assert!(client.join().unwrap().ends_with("late"), "{signal}");
        assert_eq!(gateway.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn ctrl_c_prints_a_table_of_metrics() {
    let mut child = tollgate(&["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let address = address_in(&first);
    assert!(get(address, "/health").starts_with("HTTP/1.1 200"));
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    let table = rest.split_once("metric (times in ms)").unwrap().1;
    assert!(
        table.lines().any(|row| row.starts_with("http_requests ")
            && row.contains("GET /health, GET, 200, backend")),
        "{table}"
    );
}

#[test]
fn second_ctrl_c_stops_at_once() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", backend.local_addr().unwrap());
    let mut gateway = GatewayProcess::start_with_backend(&url);
    let address = gateway.address;
    let client = std::thread::spawn(move || {
        TcpStream::connect(address).map(|mut stream| {
            let _ = stream.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n");
            let _ = stream.read(&mut [0; 1]);
        })
    });
    let _target = backend.accept().unwrap();
    gateway.signal("INT");
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    gateway.signal("INT");
    assert_eq!(gateway.child.wait().unwrap().code(), Some(130));
    let _ = client.join();
}

#[test]
fn unread_output_does_not_block_requests() {
    let gateway = GatewayProcess::start(&[]);
    for _ in 0..500 {
        assert!(get(gateway.address, &format!("/{}", "x".repeat(500))).starts_with("HTTP/1.1 401"));
    }
}
