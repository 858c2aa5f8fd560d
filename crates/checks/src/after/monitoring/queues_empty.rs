//! The messages in the dead-letter queues.

use jiff::SignedDuration;
use serde_json::Value;

use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::metric::{Metric, Statistic};
use super::queue::{Queue, queues};

const CHECK: Check = Check {
    id: "queues-empty",
    group: Group::Monitoring,
    title: "The dead-letter queues are empty",
    explanation: "A message is a scheduled run that failed, or metrics that were not published \
                  after several attempts. SQS deletes it after 14 days. The counts of SQS are \
                  approximate and can be a minute old.",
    fix: "See the sections ScheduleDeadLettersAlarm and MetricsDeadLettersAlarm in \
          docs/operations/runbook.md. Once the cause is corrected, redrive or delete the \
          messages.",
    permissions: &["sqs:GetQueueAttributes", "cloudwatch:GetMetricStatistics"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The counts of SQS, with the state of the messages.
const COUNTS: [(&str, &str); 3] = [
    ("ApproximateNumberOfMessages", "visible"),
    ("ApproximateNumberOfMessagesNotVisible", "in flight"),
    ("ApproximateNumberOfMessagesDelayed", "delayed"),
];

/// The time in which a queue with messages has a value of its age.
const AGE_WINDOW: SignedDuration = SignedDuration::from_mins(15);

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let queues: Vec<Queue<'_>> = queues(stack)
        .into_iter()
        .filter(|queue| queue.logical.ends_with("DeadLetters"))
        .collect();
    if queues.is_empty() {
        return Ok(Verdict::not_applicable(
            "the stack has no dead-letter queue",
        ));
    }

    let mut findings = Findings::default();
    for queue in &queues {
        let name = queue.name();
        let read = queue.attributes(stack).await;
        let Some(attributes) = findings.take(&format!("queue {name}"), read) else {
            continue;
        };
        match counts(&attributes) {
            None => findings.unproven(format!("SQS returned no count of queue {name}")),
            Some(counts) if counts.is_empty() => {}
            Some(counts) => {
                let age = oldest(stack, name).await;
                let counts = counts.join(", ");
                findings.problem(format!("queue {name} has messages: {counts}{age}"));
            }
        }
    }

    let names: Vec<&str> = queues.iter().map(Queue::name).collect();
    let names = names.join(", ");
    Ok(findings.verdict(format!("the queues {names} are empty")))
}

/// Returns the counts that are not 0, or `None` if a count is missing.
fn counts(attributes: &Value) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for (name, state) in COUNTS {
        let count: u64 = text(&attributes[name]).parse().ok()?;
        if count > 0 {
            found.push(format!("{count} {state}"));
        }
    }
    Some(found)
}

/// Returns the age of the oldest message as an addition to a sentence, if CloudWatch knows it.
async fn oldest(stack: &Stack, queue: &str) -> String {
    let metric = Metric {
        namespace: "AWS/SQS",
        dimensions: &[("QueueName", queue)],
        name: "ApproximateAgeOfOldestMessage",
    };
    let points = metric.points(stack, Statistic::Maximum, AGE_WINDOW).await;
    let last = points.ok().and_then(|points| points.last().copied());
    let age = last.and_then(|point| SignedDuration::try_from_secs_f64(point.value).ok());
    age.map(|age| format!(", the oldest is {age:#} old"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const SCHEDULES: &str = "sqs.GetQueueAttributes@ScheduleDeadLetters.json";
    const AGE: &str = "monitoring.GetMetricStatistics@MetricName=ApproximateAgeOfOldestMessage.xml";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    fn with_messages(attribute: &str) -> Recorded {
        let empty = format!("\"{attribute}\": \"0\"");
        let changed = format!("\"{attribute}\": \"3\"");
        Recorded::healthy().with(SCHEDULES, |text| text.replace(&empty, &changed))
    }

    #[tokio::test]
    async fn empty_queues_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);
    }

    #[tokio::test]
    async fn messages_in_every_state_fail_with_their_age() {
        for (attribute, state) in COUNTS {
            let verdict = verdict(with_messages(attribute)).await;
            assert_eq!(verdict.status, Status::Failed);
            let expected = format!(
                "queue tollgate-ScheduleDeadLetters-AbCdEfGh has messages: 3 {state}, \
                 the oldest is 1h 1m 40s old"
            );
            assert_eq!(verdict.details, [expected]);
        }
    }

    #[tokio::test]
    async fn age_is_left_out_without_the_permission() {
        let recorded = with_messages("ApproximateNumberOfMessages").denied(AGE);
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert!(verdict.details[0].ends_with("3 visible"), "{verdict:?}");
    }

    #[tokio::test]
    async fn missing_count_is_not_proven() {
        let recorded = Recorded::healthy().with(SCHEDULES, |text| {
            text.replace("ApproximateNumberOfMessagesDelayed", "Other")
        });
        assert_eq!(verdict(recorded).await.status, Status::NotProven);
    }

    #[tokio::test]
    async fn missing_permission_and_missing_queue_differ() {
        let denied = verdict(Recorded::healthy().denied(SCHEDULES)).await;
        assert_eq!(denied.status, Status::NotChecked);
        let missing = verdict(Recorded::healthy().missing(SCHEDULES)).await;
        assert_eq!(missing.status, Status::Failed);
        assert_eq!(
            missing.details,
            ["queue tollgate-ScheduleDeadLetters-AbCdEfGh does not exist"]
        );
    }
}
