//! The files of the console, embedded in the program.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY as CONTENT_SECURITY_POLICY_HEADER, CONTENT_TYPE, ETAG,
    HeaderValue, IF_NONE_MATCH,
};
use http::{Request, Response, StatusCode};

use crate::response;

/// The content security policy of every file: files and requests of the same origin only, no inline
/// code, and no text that becomes markup.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'none'; \
     style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The parameters of FNV-1a with 64 bits.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A file of the console.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    /// The path below the console's own path.
    pub(crate) path: &'static str,
    pub(crate) content: &'static [u8],
}

macro_rules! assets {
    ($($path:literal),* $(,)?) => {
        &[$(Asset {
            path: $path,
            content: include_bytes!(concat!("../assets/", $path)),
        }),*]
    };
}

/// All files. A test compares the list with the folder.
const ASSETS: &[Asset] = assets![
    "app/activity.js",
    "app/api.js",
    "app/api_error.js",
    "app/blocks.js",
    "app/color_scheme.js",
    "app/connection.js",
    "app/created.js",
    "app/cursor.js",
    "app/document.js",
    "app/download.js",
    "app/duration.js",
    "app/example_call.js",
    "app/first_mistake.js",
    "app/format.js",
    "app/formula_cells.js",
    "app/grants.js",
    "app/html.js",
    "app/idempotency.js",
    "app/json_text.js",
    "app/key_form.js",
    "app/key_state.js",
    "app/locale.js",
    "app/main.js",
    "app/new_document.js",
    "app/on_demand.js",
    "app/one_time_code.js",
    "app/open_session.js",
    "app/pages.js",
    "app/permissions.js",
    "app/plan_comparison.js",
    "app/plans.js",
    "app/rate.js",
    "app/rate_limit.js",
    "app/reasons.js",
    "app/reasons/details.js",
    "app/reasons/reasons.js",
    "app/resource.js",
    "app/router.js",
    "app/session.js",
    "app/unsaved.js",
    "components/button.js",
    "components/chart.css",
    "components/chart.js",
    "components/chart/axis.js",
    "components/chart/legend.js",
    "components/chart/marks.js",
    "components/chart/numbers.js",
    "components/chart/plot.js",
    "components/comparison.js",
    "components/conflict.css",
    "components/conflict.js",
    "components/conflict/difference.js",
    "components/connection_notice.js",
    "components/copy_button.js",
    "components/create_bar.js",
    "components/dialog.js",
    "components/discard_changes.js",
    "components/editor.css",
    "components/editor.js",
    "components/editor/check.js",
    "components/editor/mistakes.js",
    "components/editor/text_area.js",
    "components/editor/typing.js",
    "components/field.js",
    "components/form_problem.js",
    "components/header.js",
    "components/key_badge.js",
    "components/key_form.css",
    "components/key_form.js",
    "components/managed_by.js",
    "components/navigation.js",
    "components/notice.js",
    "components/page.js",
    "components/page_boundary.js",
    "components/problem.js",
    "components/prose.js",
    "components/refusals.css",
    "components/refusals.js",
    "components/refusals/caller_text.js",
    "components/refusals/details.js",
    "components/refusals/key_names.js",
    "components/refusals/parts.js",
    "components/refusals/row.js",
    "components/save_bar.js",
    "components/scheme_switch.js",
    "components/secret_dialog.js",
    "components/session_notice.js",
    "components/settled_field.js",
    "components/shell.js",
    "components/states.js",
    "components/table.js",
    "components/time.js",
    "components/unsaved_changes_dialog.js",
    "components/virtual_list.css",
    "components/virtual_list.js",
    "components/virtual_list/rows.js",
    "components/virtual_list/window.js",
    "icon.svg",
    "index.html",
    "pages/api_reference.css",
    "pages/api_reference.js",
    "pages/api_reference/curl.js",
    "pages/api_reference/description.js",
    "pages/api_reference/operation.js",
    "pages/api_reference/operation_list.js",
    "pages/api_reference/paragraphs.js",
    "pages/api_reference/responses.js",
    "pages/api_reference/schema.js",
    "pages/api_reference/schema_text.js",
    "pages/audit.css",
    "pages/audit.js",
    "pages/audit/actions.js",
    "pages/audit/changes.js",
    "pages/audit/downloads.js",
    "pages/audit/filter.js",
    "pages/audit/filter_parameters.js",
    "pages/audit/key_names.js",
    "pages/audit/record_list.js",
    "pages/audit/records.js",
    "pages/checks.css",
    "pages/checks.js",
    "pages/checks/catalogue.js",
    "pages/checks/groups.js",
    "pages/checks/outcome.js",
    "pages/checks/progress.js",
    "pages/checks/report.js",
    "pages/checks/run.js",
    "pages/checks/run_form.js",
    "pages/key_details.css",
    "pages/key_details.js",
    "pages/key_details/actions.js",
    "pages/key_details/block_key.js",
    "pages/key_details/block_notice.js",
    "pages/key_details/delete_key.js",
    "pages/key_details/document_text.js",
    "pages/key_details/edit_key.js",
    "pages/key_details/enable_key.js",
    "pages/key_details/facts.js",
    "pages/key_details/grant_calls.js",
    "pages/key_details/grants.js",
    "pages/key_details/loading.js",
    "pages/key_details/missing_key.js",
    "pages/key_details/move_key.js",
    "pages/key_details/rotate_key.js",
    "pages/key_details/save.js",
    "pages/key_details/usage_chart.js",
    "pages/key_details/window_rows.js",
    "pages/key_details/windows.js",
    "pages/keys.css",
    "pages/keys.js",
    "pages/keys/all_keys.js",
    "pages/keys/change_keys.js",
    "pages/keys/change_views.js",
    "pages/keys/changes.js",
    "pages/keys/create_key.js",
    "pages/keys/debounced.js",
    "pages/keys/filter.js",
    "pages/keys/filter_bar.js",
    "pages/keys/key_list.js",
    "pages/keys/list_states.js",
    "pages/keys/selection_bar.js",
    "pages/keys/usage.js",
    "pages/overview.css",
    "pages/overview.js",
    "pages/overview/all_refusals.js",
    "pages/overview/breakers.js",
    "pages/overview/charts.js",
    "pages/overview/decisions.js",
    "pages/overview/figures.js",
    "pages/overview/first_use.js",
    "pages/overview/newest_refusals.js",
    "pages/overview/pause_button.js",
    "pages/overview/refusals_of.js",
    "pages/overview/skeleton.js",
    "pages/overview/sparkline.js",
    "pages/overview/tiles.js",
    "pages/plans.css",
    "pages/plans.js",
    "pages/plans/changes.js",
    "pages/plans/counts.js",
    "pages/plans/delete.js",
    "pages/plans/disable.js",
    "pages/plans/edit.js",
    "pages/plans/fields.js",
    "pages/plans/form.js",
    "pages/plans/impact.js",
    "pages/plans/list.js",
    "pages/plans/new.js",
    "pages/plans/number_field.js",
    "pages/plans/periods.js",
    "pages/plans/plan_editor.js",
    "pages/plans/quota_fields.js",
    "pages/plans/usage_above.js",
    "pages/policy.css",
    "pages/policy.js",
    "pages/policy/candidate.js",
    "pages/policy/delete.js",
    "pages/policy/draft.js",
    "pages/policy/list.js",
    "pages/policy/new.js",
    "pages/policy/overview.js",
    "pages/policy/requests.js",
    "pages/policy/source.js",
    "pages/policy/stored.js",
    "pages/policy/tester.js",
    "pages/policy/token.js",
    "pages/policy/version.js",
    "pages/policy/workbench.js",
    "pages/usage.css",
    "pages/usage.js",
    "pages/usage/all_keys.js",
    "pages/usage/cells.js",
    "pages/usage/csv.js",
    "pages/usage/filter.js",
    "pages/usage/report.js",
    "pages/usage/series.js",
    "pages/usage/sums.js",
    "pages/usage/top_keys.js",
    "pages/usage/totals.js",
    "style.css",
    "vendor/LICENSES.txt",
    "vendor/htm.js",
    "vendor/preact-hooks.js",
    "vendor/preact.js",
    "vendor/uplot.css",
    "vendor/uplot.js",
];

/// Returns the file of a path. The empty path is the page itself.
pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    let path = if path.is_empty() { "index.html" } else { path };
    ASSETS.iter().find(|asset| asset.path == path)
}

/// Returns the response with a file. Browsers ask each time whether it has changed.
pub(crate) fn respond(asset: &Asset, request: &Request<Bytes>) -> Response<Bytes> {
    let etag = etag(asset);
    let is_known = request.headers().get(IF_NONE_MATCH) == Some(&etag);
    let mut response = if is_known {
        response::whole(StatusCode::NOT_MODIFIED, Bytes::new())
    } else {
        response::whole(StatusCode::OK, Bytes::from_static(asset.content))
    };

    let headers = response.headers_mut();
    headers.insert(ETAG, etag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_TYPE, content_type(asset.path));
    headers.insert(
        CONTENT_SECURITY_POLICY_HEADER,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    response
}

fn content_type(path: &str) -> HeaderValue {
    HeaderValue::from_static(match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    })
}

/// Returns the entity tag: a hash of the content, which differs between releases.
fn etag(asset: &Asset) -> HeaderValue {
    let hash = asset.content.iter().fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
    });
    HeaderValue::from_str(&format!("\"{hash:016x}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write as _;
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// The most bytes that the files may have together, compressed.
    const MAX_COMPRESSED_BYTES: usize = 300_000;

    fn files_below(folder: &Path, prefix: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .flat_map(|entry| {
                let entry = entry.unwrap();
                let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
                if entry.file_type().unwrap().is_dir() {
                    files_below(&entry.path(), &format!("{name}/"))
                } else {
                    BTreeSet::from([name])
                }
            })
            .collect()
    }

    #[test]
    fn every_file_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let embedded: BTreeSet<_> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        assert_eq!(embedded, files_below(&folder, ""));
    }

    #[test]
    fn files_are_small() {
        let compressed = ASSETS.iter().map(|asset| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(asset.content).unwrap();
            encoder.finish().unwrap().len()
        });
        let total: usize = compressed.sum();
        assert!(total <= MAX_COMPRESSED_BYTES, "{total}");
    }
}
