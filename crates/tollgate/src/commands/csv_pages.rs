//! Lists in CSV, of which `Link` names the next page.

use admin_client::AdminResponse;

use super::CommandError;

/// The path of the API, with which the target of `Link` begins.
const API_PATH: &str = "/_tollgate/v1";

/// Returns the path of the next page, or `None` after the last one.
///
/// # Errors
/// [`CommandError`] if the link is invalid, or leads to the same page again.
pub(super) fn next_page(
    response: &AdminResponse,
    page: &str,
) -> Result<Option<String>, CommandError> {
    let Some(link) = response.header("link") else {
        return Ok(None);
    };
    let next = target(link).filter(|next| *next != page);
    let next = next.ok_or_else(|| {
        CommandError::usage("the header `Link` of the response names no next page: is it Tollgate?")
    })?;
    Ok(Some(next.to_owned()))
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
