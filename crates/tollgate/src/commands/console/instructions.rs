//! How to open the page without a browser of this session.

use std::path::Path;

/// Returns the steps for a browser on this machine, and for one on another machine.
pub(super) fn manual(file: &Path, port: u16) -> Vec<String> {
    let file = file.display();
    vec![
        format!("Open this file in a browser on this machine within 30 s: {file}"),
        "From another machine, forward the port, press Enter here, then copy the file and open it:"
            .to_owned(),
        format!("  ssh -N -L {port}:127.0.0.1:{port} HOST"),
        format!("  (umask 077; ssh HOST cat {file} > tollgate.html)"),
        "Delete the copy after that.".to_owned(),
    ]
}

/// Returns the next steps if a browser did not open the page.
pub(super) fn unopened(file: &Path) -> String {
    format!(
        "The page was not opened within 30 s. Press Enter to try again. A browser from Snap or Flatpak \
         may be unable to read {}: choose a folder that it can read with --code-folder",
        file.display()
    )
}
