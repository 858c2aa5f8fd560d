//! The functions that are held side by side: how each is started, and what of it would be deployed.

use std::path::{Path, PathBuf};

use tests::project;
use tokio::process::Command;

/// A function.
pub(crate) struct Function {
    /// Its row.
    pub(crate) name: &'static str,
    /// Whether it decides anything.
    pub(crate) decides: bool,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    package: Vec<PathBuf>,
}

impl Function {
    /// As Lambda starts it, with nothing of this process's environment but the way to interpreters.
    pub(crate) fn command(&self, settings: &[(&'static str, String)]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Bytes of the binary, or of the sources and their modules; an interpreter is Lambda's own.
    pub(crate) fn package_bytes(&self) -> u64 {
        self.package.iter().map(|path| bytes(path)).sum()
    }
}

/// Ours, the floor, and what people would write instead.
pub(crate) fn all() -> [Function; 4] {
    let release = build();
    let binary = |name: &'static str, row: &'static str, decides: bool| {
        let program = release.join(name);
        Function { name: row, decides, package: vec![program.clone()], program, arguments: Vec::new() }
    };
    [
        binary("authorizer", "Tollgate's authorizer", true),
        binary("nothing", "Rust, doing nothing", false),
        node(),
        python(),
    ]
}

/// Builds the two binaries, or finds them as they would be built. Always asks, because a benchmark of either package
/// leaves a binary of another profile in the same place.
fn build() -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    let target = program.ancestors().nth(3).expect("target/release/deps/startup");
    let built = std::process::Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--package", "authorizer", "--package", "nothing", "--target-dir"])
        .arg(target)
        .current_dir(project())
        .status()
        .expect("cargo starts");
    assert!(built.success(), "cargo build --release failed");
    target.join("release")
}

fn node() -> Function {
    let folder = installed("tests/startup/node", "node_modules");
    let source = folder.join("authorizer.mjs");
    Function {
        name: "Node: jose, AWS SDK",
        decides: true,
        program: "node".into(),
        arguments: vec![source.clone()],
        package: vec![source, folder.join("node_modules")],
    }
}

fn python() -> Function {
    let folder = installed("tests/startup/python", ".venv");
    let source = folder.join("authorizer.py");
    let libraries = std::fs::read_dir(folder.join(".venv/lib")).expect("an environment").filter_map(Result::ok);
    let modules = libraries.map(|library| library.path().join("site-packages")).find(|modules| modules.is_dir());
    Function {
        name: "Python: PyJWT, boto3",
        decides: true,
        program: folder.join(".venv/bin/python"),
        arguments: vec![source.clone()],
        package: vec![source, modules.expect("site-packages")],
    }
}

fn installed(folder: &str, modules: &str) -> PathBuf {
    let folder = project().join(folder);
    assert!(folder.join(modules).join("installed").exists(), "{} is not there: run make peers", modules);
    folder
}

fn bytes(path: &Path) -> u64 {
    let about = std::fs::symlink_metadata(path).expect("a file");
    if !about.is_dir() {
        return about.len();
    }
    std::fs::read_dir(path).expect("a folder").map(|entry| bytes(&entry.expect("a file").path())).sum()
}
