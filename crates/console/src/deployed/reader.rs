//! Reads what the console shows of the AWS account of an API.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use checks::aws::{Account, Unread};
use http::StatusCode;
use jiff::Timestamp;
use tokio::time::timeout;

use super::aws::Aws;
use super::cache::Cache;
use super::stack::StackSettings;
use super::{overview, refusals};
use crate::missing::Missing;
use crate::overview::{Overview, Range};
use crate::policy_text::PolicyText;
use crate::problem::Problem;
use crate::refusals::{RefusalPage, RefusalQuery};
use crate::target::{PolicyOrigin, Target};

/// The reason why an API that is named by its URL has no figures.
const NO_STACK: &str = "only a stack has them: start `tollgate console` with `--stack NAME`";

/// The name of what is read of the stack.
const SETTINGS: &str = "settings of the stack";

/// The time for the description of the target, without which no page is shown.
const DESCRIPTION_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for which the parameters and outputs of the stack are kept.
const STACK_AGE: Duration = Duration::from_secs(30);
/// The time for which refusals are kept.
const REFUSALS_AGE: Duration = Duration::from_secs(4);

/// Reads what the console shows of the account of an API.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) aws: Aws,
    stack: Option<String>,
    settings: Cache<(), Result<Arc<StackSettings>, Unread>>,
    /// The last settings that were read.
    known: Mutex<Option<Arc<StackSettings>>>,
    overviews: [Cache<Range, Overview>; 4],
    refusals: Cache<RefusalQuery, RefusalPage>,
}

impl Reader {
    /// Returns a reader of an account. `stack` is the name of the stack, if it is known.
    pub(crate) fn new(aws: Aws, stack: Option<String>) -> Self {
        Self {
            aws,
            stack,
            settings: Cache::default(),
            known: Mutex::default(),
            overviews: Default::default(),
            refusals: Cache::default(),
        }
    }

    /// Adds the region, the identity and the settings of the stack to a description.
    pub(super) async fn describe(&self, target: &mut Target) {
        match self.aws.account().await {
            Ok(account) => target.region = Some(account.region().to_owned()),
            Err(unread) => target.missing.push(missing("region", &unread)),
        }
        let (identity, settings) = tokio::join!(
            timeout(DESCRIPTION_TIMEOUT, self.aws.identity()),
            timeout(DESCRIPTION_TIMEOUT, self.stack_settings()),
        );
        target.identity = identity.ok().flatten();
        match settings {
            Ok(Some(Ok(stack))) => {
                target.key_header = stack.parameter("KeyHeader").map(str::to_owned);
                target.stack_version = stack.output("Version").map(str::to_owned);
                target.policy_source = stack.policy_origin();
            }
            Ok(Some(Err(unread))) => target.missing.push(missing(SETTINGS, &unread)),
            Ok(None) => {}
            Err(_) => {
                let seconds = DESCRIPTION_TIMEOUT.as_secs();
                let reason = format!("no response of AWS within {seconds} s");
                target.missing.push(because(SETTINGS, reason));
            }
        }
    }

    /// Returns the header of API keys, if the stack was read before.
    pub(crate) fn key_header(&self) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let header = known.as_ref()?.parameter("KeyHeader")?;
        Some(header.to_owned())
    }

    /// Returns the figures of a range.
    pub(crate) async fn overview(&self, range: Range) -> Overview {
        let now = Timestamp::now();
        let (index, max_age_s) = match range {
            Range::QuarterHour => (0, 10),
            Range::ThreeHours => (1, 30),
            Range::Day => (2, 60),
            Range::Week => (3, 60),
        };
        let reading = async {
            match self.stack().await {
                Ok((account, stack)) => overview::read(&account, &stack, range, now).await,
                Err(reason) => overview::nothing(range, now, because("figures", reason)),
            }
        };
        let max_age = Duration::from_secs(max_age_s);
        self.overviews[index].get(range, max_age, reading).await
    }

    /// Returns recent refusals.
    pub(crate) async fn refusals(&self, query: &RefusalQuery) -> RefusalPage {
        let now = Timestamp::now();
        let reading = async {
            match self.stack().await {
                Ok((account, stack)) => refusals::read(&account, &stack, query, now).await,
                Err(reason) => RefusalPage {
                    missing: vec![because("refusals", reason)],
                    ..refusals::nothing(now)
                },
            }
        };
        self.refusals
            .get(query.clone(), REFUSALS_AGE, reading)
            .await
    }

    /// Returns the policy in force.
    ///
    /// # Errors
    /// [`Problem`] if the stack cannot be read.
    pub(crate) async fn policy(&self) -> Result<PolicyText, Problem> {
        match self.stack_settings().await {
            None => Ok(PolicyText::new(PolicyOrigin::Unknown, None)),
            Some(Ok(stack)) => Ok(stack.policy()),
            Some(Err(unread)) => {
                let detail = format!("The stack cannot be read: {unread}.");
                Err(Problem::new(StatusCode::BAD_GATEWAY, detail))
            }
        }
    }

    /// Returns a reader of the account, and the settings of the stack. The error is a reason in words.
    async fn stack(&self) -> Result<(Account, Arc<StackSettings>), String> {
        let settings = self.stack_settings().await.ok_or(NO_STACK)?;
        let settings = settings.map_err(|unread| unread.to_string())?;
        let account = self.aws.account().await;
        Ok((account.map_err(|unread| unread.to_string())?, settings))
    }

    /// Returns the settings of the stack. `None` if the API was named by its URL.
    async fn stack_settings(&self) -> Option<Result<Arc<StackSettings>, Unread>> {
        let name = self.stack.as_ref()?;
        let reading = async {
            let account = self.aws.account().await?;
            let settings = Arc::new(StackSettings::read(&account, name).await?);
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            *known = Some(Arc::clone(&settings));
            Ok(settings)
        };
        Some(self.settings.get((), STACK_AGE, reading).await)
    }
}

fn missing(what: &str, unread: &Unread) -> Missing {
    because(what, unread.to_string())
}

fn because(what: &str, reason: String) -> Missing {
    Missing {
        what: what.to_owned(),
        reason,
    }
}
