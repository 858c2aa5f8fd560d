//! The temporary plan and key.
//!
//! Both have the same name, which contains the time at which they were made. The key is made after
//! the plan and deleted before it, so that each key of an interrupted run can be found by its plan.

use std::time::Duration;

use admin_client::{AdminClient, AdminRequest, ClientError, path};
use aws::Fate;
use jiff::{SignedDuration, Timestamp};
use registry::{RandomError, Secret, random_bytes};
use serde_json::{Value, json};

use super::context::Requests;
use super::fields::BURST;
use crate::verdict::Verdict;

/// The time after which the key expires by itself.
const LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// The greatest difference between the clocks of two machines that run checks.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// The time to delete the plan and the key.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(10);

const NAME_PREFIX: &str = "check-";
/// The time in a name, in UTC.
const TIME_FORMAT: &str = "%Y%m%dt%H%M%S";
const MANAGED_BY: &str = "x-tollgate-managed-by";
const MANAGER: &str = "check";
/// The most pages of plans that are searched for those of earlier runs.
const MAX_PAGES: usize = 20;
/// The most plans of earlier runs that one run deletes.
const MAX_LEFTOVERS: usize = 10;

/// A temporary key with its plan.
pub(super) struct Temporary {
    /// The name of the plan and the id of the key.
    pub(super) name: String,
    pub(super) secret: Secret,
}

impl Temporary {
    /// Returns the random part of the name.
    pub(super) fn mark(&self) -> String {
        let mark = self.name.rsplit('-').next();
        mark.unwrap_or_default().to_owned()
    }

    /// Makes a plan and a key. Until [`clean_up`] has deleted them, `requests` knows their name.
    ///
    /// # Errors
    /// A verdict if the API refuses one of them.
    pub(super) async fn make(requests: &Requests, now: Timestamp) -> Result<Self, Verdict> {
        let random = |_: RandomError| Verdict::error("the random number generator failed");
        let secret = Secret::generate(None).map_err(random)?;
        let name = name_at(now, random_bytes().map_err(random)?);

        requests.set_temporary(Some(name.clone()));
        let plan = json!({"throttle": {"rate": 1, "burst": BURST}, "on_store_failure": "deny"});
        let created = create(&requests.client, "plans", &name, &plan).await;
        if created.as_ref().is_err_and(has_no_effect) {
            requests.set_temporary(None);
        }
        created?;

        let key = json!({
            "plan": name,
            "name": "temporary key of `tollgate check`",
            "expires_at": (now + LIFETIME).to_string(),
            "hash": secret.hash(),
        });
        create(&requests.client, "keys", &name, &key).await?;
        Ok(Self { name, secret })
    }
}

/// True if a request that failed has certainly changed nothing: it was not sent, or it was refused.
fn has_no_effect(error: &ClientError) -> bool {
    match error {
        ClientError::Refused(refusal) => matches!(refusal.status, 300..=499),
        ClientError::Unreachable { error, .. } => error.fate() == Fate::NotApplied,
        // The response, such as that of a proxy, may hide the one of the API.
        ClientError::NotJson { .. } | ClientError::Unexpected { .. } => false,
        _ => true,
    }
}

async fn create(
    client: &AdminClient,
    list: &str,
    name: &str,
    document: &Value,
) -> Result<(), ClientError> {
    let request = AdminRequest::put(path(&[list, name]), document)
        .if_none_match_any()
        .header(MANAGED_BY, MANAGER);
    client.send(request).await.map(|_| ())
}

/// Deletes the temporary plan and key of a run, if there are any.
///
/// # Errors
/// [`ClientError`] if one of them cannot be deleted.
pub(super) async fn clean_up(requests: &Requests) -> Result<(), ClientError> {
    let Some(name) = requests.temporary() else {
        return Ok(());
    };

    delete(&requests.client, &name).await?;
    requests.set_temporary(None);
    Ok(())
}

/// Returns the problem of a [`clean_up`] that failed or took too long.
pub(super) async fn clean_up_problem(requests: &Requests) -> Option<String> {
    let name = requests.temporary()?;
    let reason = match tokio::time::timeout(CLEAN_UP_TIMEOUT, clean_up(requests)).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => error.to_string().replace('\n', "; "),
        Err(_) => format!("no response within {} s", CLEAN_UP_TIMEOUT.as_secs()),
    };
    Some(format!(
        "the temporary plan and key {name} could not be deleted: {reason}. The key expires {} \
         minutes after its creation, and a later run deletes both",
        LIFETIME.as_mins()
    ))
}

/// Deletes a key and then its plan. Missing ones count as deleted.
async fn delete(client: &AdminClient, name: &str) -> Result<(), ClientError> {
    for list in ["keys", "plans"] {
        match client.send(AdminRequest::delete(path(&[list, name]))).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Deletes the plans and keys that earlier runs have left, such as those of a machine that lost its
/// connection. Those of a run that may still be going on are kept. A failure is no problem of this
/// run.
pub(super) async fn delete_leftovers(client: &AdminClient, now: Timestamp) {
    for name in leftovers(client, now).await.unwrap_or_default() {
        if is_own_key(client, &name).await {
            let _ = delete(client, &name).await;
        }
    }
}

/// Returns the names of plans that earlier runs have made.
async fn leftovers(client: &AdminClient, now: Timestamp) -> Result<Vec<String>, ClientError> {
    let mut names = Vec::new();
    let mut pages = client.pages("/plans");
    for _ in 0..MAX_PAGES {
        let Some(plans) = pages.next().await? else {
            break;
        };
        let own = plans.iter().filter(|plan| plan["managed_by"] == MANAGER);
        let old = own
            .filter_map(|plan| plan["name"].as_str())
            .filter(|name| is_old(name, now));
        names.extend(old.map(str::to_owned));
    }
    names.truncate(MAX_LEFTOVERS);
    Ok(names)
}

/// True if the key with this id was made by a run, or does not exist. The API deletes no plan that
/// other keys use.
async fn is_own_key(client: &AdminClient, name: &str) -> bool {
    match client.get(&path(&["keys", name])).await {
        Ok(response) => response
            .json()
            .is_ok_and(|key| key["managed_by"] == MANAGER),
        Err(error) => error.is_not_found(),
    }
}

/// Returns the name of the plan and key that a run makes.
fn name_at(now: Timestamp, random: [u8; 8]) -> String {
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{NAME_PREFIX}{}-{digits}", now.strftime(TIME_FORMAT))
}

/// True if a plan or key of a list was made by an earlier run, which is over. `name` is the name of the
/// plan or the id of the key.
pub(crate) fn is_leftover(item: &Value, name: &str, now: Timestamp) -> bool {
    item["managed_by"] == MANAGER && is_old(name, now)
}

/// True if a run made a plan or key of a list a short time ago. The run may be going on.
pub(crate) fn is_recent(item: &Value, name: &str, now: Timestamp) -> bool {
    item["managed_by"] == MANAGER && made_at(name).is_some() && !is_old(name, now)
}

/// True if a run made the plan with this name so long ago that its key is expired.
fn is_old(name: &str, now: Timestamp) -> bool {
    made_at(name).is_some_and(|made| now.duration_since(made) > LIFETIME + CLOCK_TOLERANCE)
}

/// Returns the time at which a run made the plan with this name.
fn made_at(name: &str) -> Option<Timestamp> {
    name.strip_prefix(NAME_PREFIX).and_then(|rest| {
        let (time, _) = rest.split_once('-')?;
        let time = jiff::civil::DateTime::strptime(TIME_FORMAT, time).ok()?;
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(time.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn name_is_a_valid_name_of_a_plan_and_id_of_a_key() {
        let name = name_at(at("2026-11-29T22:03:44Z"), [0xab; 8]);
        assert_eq!(name, "check-20261129t220344-abababababababab");
        assert!(registry::is_chosen_key_id(&name));
    }

    #[test]
    fn only_names_of_runs_that_are_over_are_old() {
        let name = name_at(at("2026-11-29T22:03:44Z"), [1; 8]);
        assert!(!is_old(&name, at("2026-11-29T22:03:45Z")));
        assert!(!is_old(&name, at("2026-11-29T22:18:45Z")));
        assert!(!is_old(&name, at("2026-11-29T21:00:00Z")));
        assert!(is_old(&name, at("2026-11-29T22:23:45Z")));
        for other in [
            "check-",
            "check-a-b",
            "free",
            "check-out",
            "check-20261129-x",
        ] {
            assert!(!is_old(other, at("2027-11-29T22:03:44Z")), "{other}");
        }
    }

    #[test]
    fn request_without_credentials_has_no_effect() {
        let error = ClientError::from(admin_client::CredentialsError::Missing);
        assert!(has_no_effect(&error));
    }
}
