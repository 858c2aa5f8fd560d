//! The hour of administration of `docs/guides/administration.md`.

use serde_json::Value;
use testing::documents::{Page, pages};

use crate::documented::Shell;
use crate::program::{GatewayProcess, get_with, serve_in, tollgate};

const GUIDE: &str = "docs/guides/administration.md";
/// The built-in keys of the local gateway.
const BUILT_IN_KEYS: usize = 2;

/// The guide, a gateway, and the shell of the administrator.
struct Hour {
    gateway: GatewayProcess,
    shell: Shell,
    sections: Vec<(String, Page)>,
}

impl Hour {
    fn new() -> Self {
        let shell = Shell::new();
        let gateway = serve_in(shell.folder(), &["--log-format", "off"], &[]);
        let guide = pages().into_iter().find(|page| page.path == GUIDE).unwrap();
        Self {
            gateway,
            shell,
            sections: sections(&guide),
        }
    }

    /// Runs the commands of the next section, and returns what they print.
    fn run(&mut self, title: &str) -> String {
        let (found, section) = self.sections.remove(0);
        assert_eq!(found, title);

        let url = format!("http://{}", self.gateway.address);
        let run = self.shell.run(&section.blocks("sh").concat(), &url);
        assert!(run.succeeded, "{title}:\n{}", run.output);
        run.output
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.shell.folder().join(name)).unwrap()
    }

    /// Returns the secret of a key in a file that a command has written.
    fn secret(&self, file: &str, key_id: &str) -> String {
        let text = self.file(file);
        let line = text.lines().find_map(|line| line.strip_prefix(key_id));
        line.unwrap().trim_start_matches(',').to_owned()
    }

    /// Returns the status of a client's request.
    fn status(&self, secret: &str) -> String {
        let header = format!("x-api-key: {secret}");
        let response = get_with(self.gateway.address, "/orders", &header);
        response.split(' ').nth(1).unwrap().to_owned()
    }

    /// Returns the document that a command prints.
    fn document(&self, command: &str) -> Value {
        let arguments: Vec<_> = command.split(' ').chain(["--json"]).collect();
        let url = format!("http://{}", self.gateway.address);
        let output = tollgate(&arguments)
            .env("TOLLGATE_URL", url)
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Returns the titles of the sections and their content.
fn sections(guide: &Page) -> Vec<(String, Page)> {
    let sections = guide.text.split("\n## ").skip(1).map(|section| {
        let (title, text) = section.split_once('\n').unwrap();
        let page = Page {
            path: guide.path.clone(),
            text: text.to_owned(),
        };
        (title.to_owned(), page)
    });
    sections.collect()
}

fn assert_lists(output: &str, expected: &[&str]) {
    for text in expected {
        assert!(output.contains(text), "{text}: {output}");
    }
}

#[test]
fn guide_does_the_tasks_of_an_administrator() {
    let mut hour = Hour::new();
    create_customers(&mut hour);
    change_a_plan_and_rotate(&mut hour);
    report_usage(&mut hour);
    stop_a_plan(&mut hour);
    export_and_audit(&mut hour);
    assert!(hour.sections.is_empty());
}

fn create_customers(hour: &mut Hour) {
    assert_lists(
        &hour.run("Three products"),
        &["basic", "standard", "premium"],
    );
    hour.run("Twenty customers");

    let keys = hour.document("keys list");
    assert_eq!(keys.as_array().unwrap().len(), BUILT_IN_KEYS + 20);
    let acorn = hour.document("keys get acorn");
    assert_eq!(acorn["metadata"]["email"], "ann@acorn.example");
    assert_eq!(acorn["metadata"]["stripe"], "cus_01");
    assert_eq!(hour.status(&hour.secret("secrets.csv", "acorn")), "200");
}

fn change_a_plan_and_rotate(hour: &mut Hour) {
    let output = hour.run("Change the plan of a customer known by e-mail");
    assert_lists(&output, &["dahlia"]);
    assert_eq!(hour.document("keys get dahlia")["plan"], "standard");

    let leaked = hour.secret("secrets.csv", "ginkgo");
    let output = hour.run("Rotate a leaked secret at once");
    assert_lists(&output, &["ginkgo"]);
    assert!(!output.contains(&leaked), "{output}");
    assert_eq!(hour.status(&leaked), "401");
    assert_eq!(hour.status(&hour.secret("rotated.csv", "ginkgo")), "200");
}

fn report_usage(hour: &mut Hour) {
    let maple = hour.secret("secrets.csv", "maple");
    for _ in 0..3 {
        assert_eq!(hour.status(&maple), "200");
    }

    let output = hour.run("Usage of the last week");
    assert_lists(&output, &["maple", "acorn"]);
    hour.run("Grant 10,000 extra calls");
    let usage = hour.document("usage get maple");
    assert_eq!(usage["quotas"][0]["usage"], serde_json::json!([3, 109_997]));

    let output = hour.run("The ten keys with the most calls");
    let mut lines = output.lines();
    lines.find(|line| line.contains("KEY_ID")).unwrap();
    assert!(lines.next().unwrap().contains("maple"), "{output}");
}

fn stop_a_plan(hour: &mut Hour) {
    let output = hour.run("Stop everyone on a plan");
    assert_lists(&output, &["acorn", "hazel"]);
    // A plan is enabled unless its document says otherwise.
    assert_ne!(hour.document("plans get basic")["enabled"], false);
    let is_bulk = |record: &&Value| record["keys"].is_array();
    let records = hour.document("audit list --limit 20");
    let records = records.as_array().unwrap();
    assert_eq!(records.iter().filter(is_bulk).count(), 2, "{records:?}");
    assert_eq!(hour.document("keys get acorn")["enabled"], true);
    assert_eq!(hour.status(&hour.secret("secrets.csv", "acorn")), "200");

    // All keys are new.
    let output = hour.run("Keys without a call in 90 days");
    assert!(!output.contains("acorn"), "{output}");
}

fn export_and_audit(hour: &mut Hour) {
    hour.run("Export usage for billing");
    let usage = hour.file("usage.csv");
    assert_eq!(usage.lines().count(), 1 + BUILT_IN_KEYS + 20, "{usage}");
    assert_lists(&usage, &["maple", "tulip"]);

    let output = hour.run("Who did it");
    assert_lists(&output, &["key.rotate", "usage.grant", "ginkgo", "maple"]);
}
