//! Problems that result from errors of the registry and the usage store.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use limits::GrantRefusal;
use outcome::Reason;
use registry::{AdminError, MAX_BLOCKS, Refusal, RegistryError};
use store::{GrantError, StoreError};

use super::{Effect, Mistake, Problem, log_fault};

impl Problem {
    /// The problem of a failed read of `resource`, a noun.
    pub(crate) fn of_read(error: AdminError, resource: &str) -> Self {
        match error {
            AdminError::Registry(error) => Self::of_registry(&error),
            error @ AdminError::Unsealed => Self::fault(&error),
            AdminError::Refused(refusal) => Self::of_refusal(refusal, resource),
        }
    }

    /// The problem of a failed write of `resource`, a noun.
    pub(crate) fn of_write(error: AdminError, resource: &str) -> Self {
        Self::of_read(error, resource).for_write()
    }

    fn of_refusal(refusal: Refusal, resource: &str) -> Self {
        let conflict = |detail: String| Self::new(StatusCode::CONFLICT, detail);

        match refusal {
            Refusal::NotFound => Self::not_found(resource),
            Refusal::Precondition => Self::new(
                StatusCode::PRECONDITION_FAILED,
                format!(
                    "The {resource} is not in the state that If-Match or If-None-Match requires."
                ),
            ),
            Refusal::UnknownPlan(plan) => {
                let detail = format!("the plan `{plan}` does not exist");
                Self::invalid_body(vec![Mistake::at("/plan", detail)])
            }
            Refusal::PlanInUse { key_id } => conflict(format!(
                "The plan is used by key `{key_id}` and possibly by others. Move them to another \
                 plan first."
            )),
            Refusal::PolicyChanged => conflict(
                "The policy was changed after the candidate was written. Write the candidate again."
                    .to_owned(),
            ),
            Refusal::SecretInUse => conflict("This secret is already in use.".to_owned()),
            Refusal::OtherSecret => conflict(
                "`hash` is not the SHA-256 of the key's present secret. Use rotate to change the secret."
                    .to_owned(),
            ),
            Refusal::KeyIdInUse => conflict("Another key has this id.".to_owned()),
            Refusal::KeyIdDeleted { until } => conflict(format!(
                "A deleted key had this id. It can be used again from {until} on."
            )),
            Refusal::TooManySecrets(number) => conflict(format!(
                "{number} earlier secrets of this key still work. Wait until one expires, or send \
                 a `grace_s` of 0 to revoke all of them."
            )),
            Refusal::TooManyBlocks => conflict(format!(
                "There are too many blocks, or their notes are too long. Expected at most \
                 {MAX_BLOCKS} blocks. Remove blocks that are no longer needed."
            )),
            Refusal::Repeated => {
                conflict("A request with this Idempotency-Key is still being processed.".to_owned())
            }
            Refusal::Busy => Self::busy(),
        }
    }

    fn of_registry(error: &RegistryError) -> Self {
        match error.root() {
            RegistryError::Plan(error) => {
                let mistakes = error.mistakes.iter();
                let mistakes =
                    mistakes.map(|known| Mistake::at(known.pointer.clone(), known.message.clone()));
                Self::invalid_body(mistakes.collect())
            }
            RegistryError::Key(error) => {
                Self::invalid_body(vec![Mistake::at("", error.to_string())])
            }
            RegistryError::Unavailable { .. } | RegistryError::Request(_) => {
                log_fault(error);
                Self::no_response()
            }
            other => Self::fault(other),
        }
    }

    fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Registry(error) => Self::of_registry(error),
            StoreError::NoAnswer(_) | StoreError::Request(_) => {
                log_fault(error);
                Self::no_response()
            }
            StoreError::Busy => Self::busy(),
            other => Self::fault(other),
        }
    }

    fn of_grant_refusal(refusal: &GrantRefusal) -> Self {
        let invalid =
            |pointer: &str| Self::invalid_body(vec![Mistake::at(pointer, refusal.to_string())]);

        match refusal {
            GrantRefusal::UnknownQuota(_) => invalid("/quota"),
            GrantRefusal::Amount | GrantRefusal::Ceiling => invalid("/grant"),
            GrantRefusal::Repeated => Self::reused_idempotency_key(),
            GrantRefusal::UnknownGrant => Self::not_found("grant in a present window"),
            GrantRefusal::Removal => Self::new(
                StatusCode::CONFLICT,
                "This grant removed calls. Only added calls can be revoked: grant calls instead.",
            ),
        }
    }

    /// 503 for a store that did not respond.
    fn no_response() -> Self {
        let detail = "The store did not respond.";
        Self {
            effect: Effect::Unknown,
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
        .because(Reason::StoreUnavailable)
        .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 409 for a write that was not made because of other writes at the same time.
    fn busy() -> Self {
        let detail = "Other requests are changing the same item. Nothing was changed. Retry.";
        Self::new(StatusCode::CONFLICT, detail)
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        Self::of_registry(&error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::of_store(&error)
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Refused(refusal) => Self::of_grant_refusal(&refusal),
            GrantError::Store(error) => Self::of_store(&error).for_write(),
        }
    }
}
