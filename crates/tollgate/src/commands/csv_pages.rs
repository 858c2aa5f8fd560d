//! Lists in CSV, of which `Link` names the next page.

use std::collections::HashSet;
use std::io::{IsTerminal as _, Write as _};

use admin_client::{AdminClient, AdminRequest};

use super::CommandError;
use crate::output::{OutputError, escaped};

/// The path of the API, with which the target of `Link` begins.
const API_PATH: &str = "/_tollgate/v1";

/// The pages of a list in CSV.
pub(super) struct CsvPages {
    client: AdminClient,
    next: Option<String>,
    /// The pages that were read. Without them, a list of a wrong server may not end.
    seen: HashSet<String>,
}

impl CsvPages {
    /// Returns the pages from the path of the first one on.
    pub(super) fn new(client: AdminClient, first: String) -> Self {
        Self {
            client,
            next: Some(first),
            seen: HashSet::new(),
        }
    }

    /// Returns the rows of the next page, or `None` after the last one.
    ///
    /// # Errors
    /// [`CommandError`] if the page cannot be read, or `Link` leads to a page again.
    pub(super) async fn next(&mut self) -> Result<Option<String>, CommandError> {
        let Some(page) = self.next.take() else {
            return Ok(None);
        };
        let request = AdminRequest::get(&page).accept("text/csv");
        let response = self.client.send(request).await?;

        self.seen.insert(page);
        if let Some(link) = response.header("link") {
            let next = target(link).filter(|next| !self.seen.contains(*next));
            let next = next.ok_or_else(|| {
                let problem =
                    "the header `Link` of the response names no further page: is it Tollgate?";
                CommandError::usage(problem)
            })?;
            self.next = Some(next.to_owned());
        }
        Ok(Some(response.text()))
    }
}

/// Prints rows. Control characters are escaped on a terminal, and unchanged in a file or pipe.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(super) fn print_csv(rows: &str) -> Result<(), OutputError> {
    let mut output = std::io::stdout().lock();
    if output.is_terminal() {
        for line in rows.lines() {
            writeln!(output, "{}", escaped(line))?;
        }
    } else {
        output.write_all(rows.as_bytes())?;
    }
    output.flush()?;
    Ok(())
}

/// Returns the target of `<…>; rel="next"`, below the path of the API.
fn target(link: &str) -> Option<&str> {
    let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
    // API Gateway's stage may come before the path.
    let (_, path) = target.split_once(API_PATH)?;
    (parameters.contains("rel=\"next\"") && path.starts_with('/')).then_some(path)
}

/// Returns the rows after the header, whose cells have no line breaks.
pub(super) fn without_header(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, rows)| rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_is_a_path_of_the_api() {
        let link = "</_tollgate/v1/keys/export?cursor=a%3D>; rel=\"next\"";
        assert_eq!(target(link), Some("/keys/export?cursor=a%3D"));
        for other in [
            "",
            "</_tollgate/v1/keys>",
            "</other>; rel=\"next\"",
            "/_tollgate/v1/keys; rel=\"next\"",
            "</_tollgate/v1@evil.example>; rel=\"next\"",
        ] {
            assert_eq!(target(other), None, "{other}");
        }
    }

    #[test]
    fn header_is_the_first_line() {
        assert_eq!(without_header("A,B\r\n1,2\r\n"), "1,2\r\n");
        assert_eq!(without_header("A,B"), "");
    }
}
