//! The dashboard.

use serde_json::Value;

use crate::aws::{Call, Service, Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::metric::namespace;

const CHECK: Check = Check {
    id: "dashboard-exists",
    group: Group::Monitoring,
    title: "The dashboard exists and shows the API of this stack",
    explanation: "A dashboard can be deleted or replaced outside the stack, for example by a \
                  second stack of the same name in another region. CloudFormation does not \
                  notice.",
    fix: "Deploy with `CreateDashboard=false` and then with `true`, which creates it again.",
    permissions: &["cloudwatch:GetDashboard"],
    evidence: Some("The dashboard and the alarms are created."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    // A stack without the parameter has no dashboard.
    if matches!(stack.parameter("CreateDashboard").as_str(), "" | "false") {
        return Ok(Verdict::not_applicable("CreateDashboard is not set"));
    }
    let name = stack.name();
    let subject = format!("dashboard {name}");
    let fields = [("DashboardName", name)];
    let call = Call::query(Service::CloudWatch, "GetDashboard", &fields);

    let mut findings = Findings::default();
    let read = stack.account().read(&call).await;
    if let Some(response) = findings.take(&subject, read) {
        let body = text(&response["GetDashboardResult"]["DashboardBody"]);
        look_at(stack, body, &mut findings);
    }
    Ok(findings.verdict(format!("{subject} shows this stack")))
}

fn look_at(stack: &Stack, body: &str, findings: &mut Findings) {
    let name = stack.name();
    let widgets = serde_json::from_str::<Value>(body).unwrap_or_default();
    if array(&widgets["widgets"]).is_empty() {
        return findings.problem(format!("dashboard {name} has no widgets"));
    }

    let quoted = |text: &str| body.contains(&format!("\"{text}\""));
    if let Some(api) = stack.output("ApiId").filter(|api| !quoted(api)) {
        findings.problem(format!("dashboard {name} does not show API {api}"));
    }
    let namespace = namespace(stack);
    if stack.publishes_metrics() && !body.contains(&namespace) {
        findings.problem(format!(
            "dashboard {name} does not show namespace {namespace}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const DASHBOARD: &str = "monitoring.GetDashboard.xml";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    async fn changed(from: &str, to: &str) -> Verdict {
        verdict(Recorded::healthy().with(DASHBOARD, |text| text.replace(from, to))).await
    }

    #[tokio::test]
    async fn dashboard_of_the_stack_passes() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict, Verdict::ok("dashboard tollgate shows this stack"));
    }

    #[tokio::test]
    async fn missing_dashboard_fails() {
        let verdict = verdict(Recorded::healthy().missing(DASHBOARD)).await;
        assert_eq!(
            verdict,
            Verdict::failed("dashboard tollgate does not exist")
        );
    }

    #[tokio::test]
    async fn dashboard_of_another_stack_or_without_widgets_fails() {
        let other = changed("a1b2c3d4e5", "other").await;
        assert_eq!(
            other,
            Verdict::failed("dashboard tollgate does not show API a1b2c3d4e5")
        );
        let namespace = changed("Tollgate/tollgate", "Tollgate/other").await;
        assert_eq!(
            namespace,
            Verdict::failed("dashboard tollgate does not show namespace Tollgate/tollgate")
        );
        let empty = changed("\"widgets\"", "\"other\"").await;
        assert_eq!(empty, Verdict::failed("dashboard tollgate has no widgets"));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict(Recorded::healthy().denied(DASHBOARD)).await;
        assert_eq!(verdict.status, Status::NotChecked);
    }

    #[tokio::test]
    async fn dashboard_with_key_insights_is_read() {
        let recorded = Recorded::healthy().with_parameter("CreateDashboard", "with-key-insights");
        assert_eq!(verdict(recorded).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn stack_without_a_dashboard_is_not_applicable() {
        let recorded = Recorded::healthy().with_parameter("CreateDashboard", "false");
        assert_eq!(verdict(recorded).await.status, Status::NotApplicable);
    }
}
