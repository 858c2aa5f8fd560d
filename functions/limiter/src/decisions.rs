//! Decisions for callers that have no authorizer in front of them.

pub(crate) mod charge_token;
pub(crate) mod request;

use std::sync::Arc;

use aws::Deadline;
use aws_lc_rs::hmac::Key;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use outcome::{Decision, Reason};
use serde::Serialize;
use usage::{
    Caller, KeyHash, KeyStanding, Plan, Refund, StoreError, Verdict, rate_limit, rate_limit_policy,
};
use utoipa::ToSchema;

use crate::api::{Reads, Writes};
use crate::audit::{Action, Administrator, Amount};
use crate::decisions::request::{Mode, Question};
use crate::problem::{Mistake, Problem};
use crate::{Shared, request::accept, request::body, request::precondition};

/// A decision, in the words of the authorizer's context.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Answer {
    /// `allowed`, `throttled`, `unavailable`, `degraded`; `denied` where the caller may not call at
    /// all.
    decision: &'static str,
    /// Why.
    reason: &'static str,
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// Who uses the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// The plan that is charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    /// The plan's route that is charged besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    /// Calls in the window of the policy nearest its end, granted calls included.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// Calls left of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
    /// Seconds until there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<u64>,
    /// Seconds after which to come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// Whether a limit is near.
    near_limit: bool,
    /// `RateLimit-Policy`, for your own answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratelimit_policy: Option<String>,
    /// `RateLimit`, for your own answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratelimit: Option<String>,
    /// What a refund gives back. Absent where nothing was charged, or where none can be written at
    /// the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    charge: Option<String>,
    /// The body of your own answer, where the call may not pass at the moment; its status is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// What became of a refund.
#[derive(Serialize, ToSchema)]
pub(crate) struct Refunded {
    /// True if this request gave the charge back, or an earlier one that was not answered.
    refunded: bool,
    /// `ok`, `already_refunded`, `not_found` or `window_over`.
    reason: &'static str,
}

/// One or the other.
#[derive(ToSchema)]
#[schema(as = Decided)]
#[serde(untagged)]
#[derive(Serialize)]
#[expect(dead_code, reason = "it is there for its description")]
pub(crate) enum Decided {
    /// To `consume` and `peek`.
    Decision(Box<Answer>),
    /// To `refund`.
    Refund(Refunded),
}

/// Whom a question is about.
struct Charged {
    caller: Caller,
    plan: Arc<Plan>,
    key_id: Option<String>,
    user_id: Option<String>,
}

/// Decides on a call, and charges it
///
/// The status is 200 whenever it was decided, whatever the decision; a call that no wait lets pass
/// is a mistake (422).
#[utoipa::path(post, path = "/_tollgate/v1/decisions", operation_id = "decide", tag = "decisions",
    request_body = Question,
    responses((status = 200, description = "Decided", body = Decided), Reads, Writes))]
pub(crate) async fn decide(
    State(shared): State<Shared>,
    administrator: Administrator,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::json_alone(&uri, &headers)?;
    let question: Question = body::read(
        &body::json(&headers, sent).await?,
        "Question",
        Question::mistakes,
    )?;
    if question.mode == Some(Mode::Refund) {
        return refund(
            &shared,
            &administrator,
            question.charge.as_deref().unwrap_or_default(),
        )
        .await;
    }
    // Together, because both may have to be read, and a decision does not take longer for its
    // refund's sake.
    let deadline = shared.store.deadline();
    let (found, key) = tokio::join!(
        find(&shared, &question),
        signing_key(&shared, &question, deadline)
    );
    match found? {
        Ok(charged) => ask(&shared, &question, charged, key).await,
        Err(answer) => Ok(precondition::json(StatusCode::OK, &*answer)),
    }
}

/// Whom the question is about; or the answer where that is nobody who may call.
async fn find(
    shared: &Shared,
    question: &Question,
) -> Result<Result<Charged, Box<Answer>>, Problem> {
    let denied = |reason: Reason, key_id: Option<&str>| {
        let key_id = key_id.map(str::to_owned);
        Ok(Err(Box::new(Answer {
            decision: Decision::Denied.as_str(),
            reason: reason.as_str(),
            key_id,
            ..Answer::default()
        })))
    };
    let deadline = shared.store.deadline();
    let (caller, plan_name, key_id, user_id) = if let Some(key) = &question.key {
        let Ok(hash) = KeyHash::of(key) else {
            return denied(Reason::MalformedCredentials, None);
        };
        let Some(key) = shared.store.key(&hash, deadline).await? else {
            return denied(Reason::UnknownKey, None);
        };
        match key.standing(shared.now().as_nanosecond()) {
            KeyStanding::Disabled => return denied(Reason::KeyDisabled, Some(&key.key_id)),
            KeyStanding::Expired => return denied(Reason::KeyExpired, Some(&key.key_id)),
            KeyStanding::Good => {}
        }
        (
            Caller::Key(key.key_id.clone()),
            key.plan.clone(),
            Some(key.key_id.clone()),
            key.subject.clone(),
        )
    } else {
        let subject = question.subject.as_deref().unwrap_or_default();
        let caller = Caller::from_subject(question.issuer.as_deref().unwrap_or_default(), subject);
        (
            caller,
            question.plan.clone().unwrap_or_default(),
            None,
            None,
        )
    };
    match shared.store.plan(&plan_name, deadline).await {
        Ok(Some(plan)) => Ok(Ok(Charged {
            caller,
            plan,
            key_id,
            user_id,
        })),
        Ok(None) if key_id.is_some() => denied(Reason::UnknownPlan, key_id.as_deref()),
        Ok(None) => Err(Problem::mistakes(vec![Mistake::at(
            "/plan",
            format!("there is no plan `{plan_name}`"),
        )])),
        // As in the authorizer, which says so without knowing the plan.
        Err(error) if matches!(error.root(), StoreError::Unavailable(_)) => {
            Ok(Err(Box::new(Answer::unavailable(1))))
        }
        Err(error) => Err(error.into()),
    }
}

/// What the charge is signed with. A decision does not fail for want of it.
async fn signing_key<'s>(
    shared: &'s Shared,
    question: &Question,
    deadline: Deadline,
) -> Option<&'s Key> {
    if question.mode == Some(Mode::Peek) {
        return None;
    }
    shared.charges.key(&shared.admin(), deadline).await.ok()
}

async fn ask(
    shared: &Shared,
    question: &Question,
    charged: Charged,
    key: Option<&Key>,
) -> Result<Response, Problem> {
    let Charged {
        caller,
        plan,
        key_id,
        user_id,
    } = charged;
    let route = question
        .route
        .as_deref()
        .and_then(|route| route.split_once(' '));
    let route = route
        .and_then(|(method, path)| plan.route_limit(method, path))
        .map(AsRef::as_ref);
    let (cost, now, deadline) = (
        question.cost.unwrap_or(1),
        shared.now().as_nanosecond(),
        shared.store.deadline(),
    );
    let store = &shared.store;
    let decision = if question.mode == Some(Mode::Peek) {
        store
            .peek(&caller, &plan, route, cost, now, deadline)
            .await?
    } else {
        store
            .charge(&caller, &plan, route, cost, now, deadline)
            .await?
    };
    let charge = key
        .zip(decision.charge.as_ref())
        .and_then(|(key, charge)| charge_token::text(key, &caller, charge));
    let route = route.map(|route| route.route.clone());
    let answer = Answer {
        key_id,
        user_id,
        plan: Some(plan.name.clone()),
        route,
        charge,
        ..Answer::of(&decision)?
    };
    Ok(precondition::json(StatusCode::OK, &answer))
}

impl Answer {
    /// # Errors
    /// 422 for what can never be allowed.
    fn of(decision: &usage::Decision) -> Result<Self, Problem> {
        let nearest = decision.nearest();
        let told = Self {
            near_limit: decision.near_limit,
            limit: nearest.map(|limit| limit.limit),
            remaining: nearest.map(|limit| limit.remaining),
            reset: nearest.and_then(|limit| limit.reset_s),
            ratelimit_policy: rate_limit_policy(&decision.limits),
            ratelimit: rate_limit(&decision.limits),
            ..Self::default()
        };
        match &decision.verdict {
            Verdict::Allowed if decision.degraded => Ok(Self {
                decision: Decision::Degraded.as_str(),
                reason: Reason::StoreUnavailable.as_str(),
                ..told
            }),
            Verdict::Allowed if decision.shadowed.is_some() => Ok(Self {
                decision: Decision::Allowed.as_str(),
                reason: Reason::ShadowDenied.as_str(),
                ..told
            }),
            Verdict::Allowed => Ok(Self {
                decision: Decision::Allowed.as_str(),
                reason: Reason::Ok.as_str(),
                ..told
            }),
            Verdict::Throttled {
                quota,
                violated,
                retry_after_s,
            } => {
                let reason = if *quota {
                    Reason::QuotaExceeded.as_str()
                } else {
                    Reason::RateExceeded.as_str()
                };
                let problem =
                    Problem::throttled(reason, violated.iter().map(ToString::to_string).collect());
                let (retry_after, problem) = (Some(*retry_after_s), Some(problem));
                Ok(Self {
                    decision: Decision::Throttled.as_str(),
                    reason,
                    retry_after,
                    problem,
                    ..told
                })
            }
            Verdict::Unavailable { retry_after_s } => Ok(Self::unavailable(*retry_after_s)),
            Verdict::Impossible => {
                let detail = "No wait lets the call pass: its cost is above a burst of its plan, or above a quota and what was \
                              granted, or such a limit is 0.";
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
                    .because(Reason::LimitImpossible.as_str()))
            }
        }
    }

    fn unavailable(retry_after_s: u64) -> Self {
        let (retry_after, problem) = (Some(retry_after_s), Some(Problem::unavailable()));
        Self {
            decision: Decision::Unavailable.as_str(),
            reason: Reason::StoreUnavailable.as_str(),
            retry_after,
            problem,
            ..Self::default()
        }
    }
}

async fn refund(
    shared: &Shared,
    administrator: &Administrator,
    charge: &str,
) -> Result<Response, Problem> {
    let wrong = || {
        Problem::mistakes(vec![Mistake::at(
            "/charge",
            "this is not a charge as a decision returned it",
        )])
    };
    let key = shared
        .charges
        .key(&shared.admin(), shared.store.deadline())
        .await?;
    let (caller, charge) = charge_token::read(key, charge).ok_or_else(wrong)?;
    let (now, deadline) = (shared.now().as_nanosecond(), shared.store.deadline());
    let target = match &caller {
        Caller::Key(key_id) => key_id.clone(),
        other => other.to_string(),
    };
    let change = administrator.begins(Action::Refund, target);
    let refund = match shared.store.refund(&caller, &charge, now, deadline).await {
        Ok(refund) => refund,
        Err(error) => return Err(change.failed(Problem::from(error).of_a_change())),
    };
    if refund == Refund::Returned {
        change.moved(&Amount {
            quota: None,
            amount: i64::try_from(charge.cost()).unwrap_or(i64::MAX),
        });
    } else {
        change.end();
    }

    let (refunded, reason) = match refund {
        Refund::Returned => (true, "ok"),
        Refund::AlreadyRefunded => (false, "already_refunded"),
        Refund::NotFound => (false, "not_found"),
        Refund::WindowOver => (false, "window_over"),
    };
    Ok(precondition::json(
        StatusCode::OK,
        &Refunded { refunded, reason },
    ))
}
