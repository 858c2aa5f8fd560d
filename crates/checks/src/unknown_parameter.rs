//! Parameters of a stack that a check asked for and that could not be read.
//!
//! The default of a parameter is in the template. If the template cannot be read, the value is not
//! known, and a verdict that depends on it would be about another deployment.

use std::cell::RefCell;

use crate::aws::Unread;

tokio::task_local! {
    static REASON: RefCell<Option<Unread>>;
}

/// Remembers why a parameter is not known, for the check that runs.
pub(crate) fn remember(reason: &Unread) {
    // Outside a run, for example in a unit test, nothing is remembered.
    let _ = REASON.try_with(|remembered| remembered.replace(Some(reason.clone())));
}

/// Runs a check. Returns the reason instead of its result, if a parameter that it asked for is not
/// known.
///
/// # Errors
/// [`Unread`] of the check, or of the template.
pub(crate) async fn or_reason<T>(
    check: impl Future<Output = Result<T, Unread>>,
) -> Result<T, Unread> {
    let run = async {
        let result = check.await;
        match REASON.with(RefCell::take) {
            Some(reason) => Err(reason),
            None => result,
        }
    };
    REASON.scope(RefCell::new(None), run).await
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use crate::Selection;
    use crate::after;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Verdict;

    /// Returns the verdict of a run with one check.
    async fn verdict(recorded: Recorded, id: &str) -> Verdict {
        let stack = recorded.stack().await;
        let selection = Selection::new(vec![id.to_owned()], Vec::new()).unwrap();
        let deadline = Instant::now() + std::time::Duration::from_secs(60);
        let mut outcomes = after::run(&stack, &selection, deadline).await;
        outcomes.remove(0).verdict
    }

    #[tokio::test]
    async fn unknown_parameter_is_not_checked() {
        let denied = || Recorded::healthy().denied("cloudformation.GetTemplate.xml");
        let needed = Verdict::not_checked("needs cloudformation:GetTemplate");
        for id in ["ca-layer", "secrets-readable", "concurrency"] {
            assert_eq!(verdict(denied(), id).await, needed, "{id}");
        }
    }

    #[tokio::test]
    async fn known_parameter_needs_no_template() {
        let denied = Recorded::healthy()
            .with_parameter("SecretArns", "")
            .denied("cloudformation.GetTemplate.xml");
        let expected = Verdict::not_applicable("SecretArns is empty");
        assert_eq!(verdict(denied, "secrets-readable").await, expected);
    }
}
