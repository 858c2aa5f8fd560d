//! `tollgate template`.

use crate::program::{text, tollgate};

#[test]
fn template_prints_the_evaluated_template_per_set_of_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let sets = folder.path().join("sets.json");
    std::fs::write(
        &sets,
        r#"[{"OnThrottle": "forbid"}, {"OnThrottle": "loud"}]"#,
    )
    .unwrap();
    let sets = sets.to_str().unwrap();
    let output = tollgate(&["template", "--parameter-sets", sets])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let results: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(results[0]["Parameters"]["OnThrottle"], "forbid");
    assert_eq!(
        results[0]["Resources"]["Api"]["Type"],
        "AWS::ApiGatewayV2::Api"
    );
    assert!(
        results[1]["Error"]
            .as_str()
            .is_some_and(|error| error.contains("OnThrottle: `loud` is not allowed")),
        "{results}"
    );
}
