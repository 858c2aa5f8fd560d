//! Tables of cases, each run against one store after another.

/// Runs each case, and names those that failed.
macro_rules! run {
    ($subject:expr, $($case:ident)+) => {{
        let subject = std::sync::Arc::new($subject);
        let mut failed = Vec::new();
        $(if tokio::spawn($case(std::sync::Arc::clone(&subject))).await.is_err() {
            failed.push(stringify!($case));
        })+
        assert!(failed.is_empty(), "{}: {failed:?}", subject.name);
    }};
}

pub(crate) use run;
