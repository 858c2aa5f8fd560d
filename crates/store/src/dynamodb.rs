//! The store that all instances share: two DynamoDB tables.
//!
//! # Registry (`REGISTRY_TABLE`): partition key `pk`, sort key `sk`, both strings
//!
//! | `pk` | `sk` | `v` | `doc` |
//! |---|---|---|---|
//! | `plan` | the plan's name | 1 | [`PlanDocument`](limits::PlanDocument) as JSON |
//! | `key#` and the key's SHA-256 as 64 hexadecimal digits | `key` | 1 | [`ApiKey`] as JSON |
//! | `policy` | the policy's name | 1 | a policy as JSON |
//! | `once#` and a hash of an `Idempotency-Key` | `answer` | 1 | an encrypted response, see [`KeptAnswer`](registry::KeptAnswer) |
//! | `deleted-key#` and a key's id | `deleted-key` | 1 | [`DeletedKey`](registry::DeletedKey) as JSON |
//! | `blocks` | `blocks` | 1 | all blocks as JSON, at most 1,000, see [`Blocks`] |
//! | `audit#` and a UTC day | instant, request id and a random number | 1 | [`AuditRecord::document`](registry::AuditRecord::document), kept for 400 days |
//! | `secret` | the secret's name | 1 | random bytes that all instances share, see [`Admin::shared_secret`](registry::Admin::shared_secret) |
//!
//! The item of a key also has `shard` (`keys-0` to `keys-3`, by its id), `key_id` and, unless it
//! belongs to an earlier secret, `plan`. They form two indexes that contain keys alone: `by-id`
//! (`shard`, `key_id`) and `by-plan` (`plan`, `key_id`). A key without these attributes works but
//! is not listed. Items of earlier secrets, deleted keys and stored responses have a `ttl` in
//! seconds since 1970.
//!
//! # Usage (`USAGE_TABLE`): partition key `id`, a string
//!
//! There is one item per caller. `id` is the text of the [`Caller`] (`key#ID`, `ip#ADDRESS#PLAN`).
//! The item stays below 1 KB, so that a charge costs one write unit. All other attributes are
//! integers:
//!
//! | attribute | contents |
//! |---|---|
//! | `v` | the schema version: 1 |
//! | `b` and seven digits of base 36 | a bucket's `tat` ([`Bucket::id`](limits::Bucket)), in nanoseconds since 1970, or an upper bound of it if `c` has the same number |
//! | `c`, `o`, `n` and the same digits | a copy of `b`, and the two numbers of which the greater one is then the `tat`: see the module `tat_pair` |
//! | `s` and seven digits of base 36 | a sliding window's slot: its first instant in nanoseconds since 1970, plus its count |
//! | `d20261122`, `m20261101` | the count of a quota's window, named by its period and first day (UTC) |
//! | `h2026112213`, `y2026`, `t` | the same for an hour, a year and all time |
//! | `q`, five and four digits of base 36 | the same for other calendars: its id, and the first day counted from 1970. Years have `y` instead |
//! | `g` and a window's name | the granted calls of that window; its count is the used calls minus these |
//! | `w` and a window's name | the calls up to which thresholds of the quota were logged |
//! | `gi`, `ga` | the last grant that has an id and was begun by the release before, and its amount |
//! | `u261122` | the units charged on that day under any plan; the plan's time zone determines the day |
//! | `e261122` | the units charged on that day less the number of calls; absent if each call cost one unit |
//! | `k2611` | the calls charged in that month, for the present and the previous month |
//! | `r261122`, `f261122` | in history items: the units of the caller on that day that were charged to its plan or group, and these units less the number of calls |
//! | `x261122` | in history items: the calls of the caller on that day that a limit refused |
//! | `ttl` | when DynamoDB may delete the item, in seconds since 1970 |
//!
//! A window has a name of its own, so no count is ever reset. Parts that have ended are removed a
//! few at a time. Days move to `history#` + `id` + `#202611`, one item per month, so that an item
//! never has more than 19 of them. Both are additional writes: a handful per caller and month.
//!
//! `refund#` + `id` + `#` + the number of a charge marks a refunded charge until its windows end:
//! `ru` until a request returned the refund, then `rw`, the number of that request. `grant#` + the
//! number of a grant's id reserves the id for a day: `gr` is the request, `ga` the granted amount,
//! `gu` and `gl` the used and remaining calls, `gn` the id in the list. `grants#` + `id` + `#` +
//! the name of a window lists the newest 50 grants of the window: see the module `grant_items`.
//!
//! # Schema versions
//!
//! `v` is the schema version. A release writes a version only if the release before reads it, so
//! that either can be rolled back. It preserves unknown attributes.

mod caller_days;
mod charging;
mod clamp;
mod config;
mod expression;
mod figures;
mod grant_items;
mod grant_writes;
mod granting;
mod leases;
mod memory;
mod pair_expression;
mod record_writes;
mod refunding;
mod reporting;
mod retirement;
mod revoking;
mod server_clock;
mod tat_pair;
mod tidy;
mod transaction;
mod usage_item;
mod usage_table;

use std::sync::Arc;
use std::time::Duration;

use ::dynamodb::{Outage, OutageCause, TableSchema, create_table};
use aws::{AwsCalls, Deadline, Retries};
use aws_sdk_dynamodb::Client;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use jiff::civil::Date;
// The clock of deadlines, which tests can pause.
use tokio::time::Instant;

use crate::figures::{DayFigures, Figures};
use crate::on_store_failure::Fallback;
use crate::threshold_log::log_thresholds;
use crate::{Call, CallerDays, CallerGrants, Clock, GrantError, GrantRequest, ReportedCaller};
use crate::{RevokeRequest, RevokedGrant, StoreError};
use limits::Days;
use limits::{Caller, ChargeId, Decision, Demand, Grant, Plan, Refund, UsageReport, Verdict};
use registry::{ApiKey, Blocks, DynamoDbRegistry, KeyHash, RegistryError, TABLE_SCHEMA};

pub use config::DynamoDbConfig;
use leases::{Leases, Offer};
use record_writes::RecordWrites;
use server_clock::{DateInterceptor, ServerClock};
use usage_table::{ChargeRequest, UsageTable};

/// Plans, keys and usage in DynamoDB.
#[derive(Debug)]
pub struct DynamoDbStore {
    registry: DynamoDbRegistry,
    usage: UsageTable,
    fallback: Fallback,
    leases: Leases,
    figures: Figures,
    config: DynamoDbConfig,
    /// For calls outside decisions. Retries are on.
    client: Client,
}

impl DynamoDbStore {
    /// Returns a store over the two tables of `config`. The SDK retries reads, but no charges.
    /// Nothing is called yet: [`AwsCalls::connect_ahead`] opens connections during startup.
    #[must_use]
    pub fn new(aws: &AwsCalls, config: DynamoDbConfig) -> Self {
        let clock = Arc::new(ServerClock::default());
        let date = SharedInterceptor::new(DateInterceptor(Arc::clone(&clock)));
        let charges = aws::client!(
            aws,
            aws_sdk_dynamodb,
            "dynamodb",
            Retries::Off,
            date.clone()
        );
        let reads = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard, date);

        Self {
            registry: DynamoDbRegistry::new(reads.clone(), config.registry_table.clone()),
            usage: UsageTable::new(charges, config.usage_table.clone(), clock),
            fallback: Fallback::new(config.local_instances),
            leases: Leases::new(),
            figures: Figures::default(),
            client: reads,
            config,
        }
    }

    /// Replaces the clock of this machine, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self {
            usage: self.usage.with_clock(clock),
            ..self
        }
    }

    /// Returns the time limit of a decision, including its reads.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.config.deadline
    }

    /// Decides on a call by its deadline, and charges it as a whole or not at all. If the store
    /// does not respond, the plan's `on_store_failure` decides.
    ///
    /// # Errors
    /// [`StoreError::Clock`].
    pub async fn charge(&self, call: &Call<'_>) -> Result<Decision, StoreError> {
        let charged = call.charged();
        let remembered = self.usage.recall(charged);
        let now = self.usage.now(&remembered);
        let demand = call.demand(now).ok_or(StoreError::Clock)?;
        let request = ChargeRequest {
            caller: charged,
            demand: &demand,
            remembered: &remembered,
            deadline: call.deadline,
        };

        let decision = self.decide(&request).await;
        log_thresholds(charged, call.plan, &decision.thresholds);
        self.usage
            .report_decision(&self.figures, call, &decision, now)
            .await;
        Ok(decision.in_shadow(call.plan.shadow))
    }

    /// Decides on a caller's query for its own usage by the deadline: see [`Demand::usage_query`].
    /// If the store does not respond, the plan's `on_store_failure` decides.
    pub async fn charge_usage_query(
        &self,
        caller: &Caller,
        plan: &Plan,
        deadline: Deadline,
    ) -> Decision {
        let caller = plan.charged(caller);
        let remembered = self.usage.recall(caller);
        let demand = Demand::usage_query(plan, self.usage.now(&remembered));
        let request = ChargeRequest {
            caller,
            demand: &demand,
            remembered: &remembered,
            deadline,
        };

        self.decide(&request).await
    }

    async fn decide(&self, call: &ChargeRequest<'_, '_>) -> Decision {
        if call.demand.exceeds_rates() {
            return Decision::of(Verdict::Impossible);
        }
        let charged = match self
            .leases
            .offer(call.caller, call.demand, &call.remembered.usage)
        {
            Offer::Spent(decision) => return self.usage.named(call, *decision),
            Offer::Buy(calls, purchase) => self.usage.buy(call, calls, purchase).await,
            Offer::Single => self.usage.decide(call).await,
        };
        charged.unwrap_or_else(|outage| {
            let plan = &call.demand.plan().name;
            log_outage(&outage, plan);
            if outage.cause != OutageCause::Store {
                return self.fallback.answer_hot_item(
                    call.caller,
                    call.demand,
                    &call.remembered.usage,
                );
            }
            self.fallback.answer(
                call.caller,
                call.demand,
                &call.remembered.usage,
                outage.retry_in,
            )
        })
    }

    /// Returns the state of the limits and whether a call would pass, without charging it.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`], [`StoreError::Clock`].
    pub async fn peek(&self, call: &Call<'_>) -> Result<Decision, StoreError> {
        let caller = call.charged();
        let now = self.usage.now(&self.usage.recall(caller));
        let demand = call.demand(now).ok_or(StoreError::Clock)?;

        let decision = self.usage.peek(caller, &demand, call.deadline).await?;
        Ok(decision.in_shadow(call.plan.shadow))
    }

    /// Refunds a charge exactly once: to the quotas whose windows have not ended, and to its day.
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`] if the outcome is unknown; a repeated request refunds the charge if
    /// it was not refunded. [`StoreError::Busy`].
    pub async fn refund(
        &self,
        caller: &Caller,
        charge: &ChargeId,
        deadline: Deadline,
    ) -> Result<Refund, StoreError> {
        let charged = charge.charged(caller);
        let refund = self.usage.refund(charged, charge, deadline).await?;

        if refund == Refund::Returned && charged != caller && caller.has_reports() {
            let refunded = DayFigures::of_call(charge.cost()).refunded();
            self.figures
                .add(caller, charge.day(), refunded, self.usage.own_now());
        }
        Ok(refund)
    }

    /// Changes the remaining calls of a quota: see [`Store::grant`](crate::Store::grant).
    ///
    /// # Errors
    /// [`GrantError`].
    pub async fn grant(&self, request: &GrantRequest<'_>) -> Result<Grant, GrantError> {
        let caller = request.plan.charged(request.caller);
        let now = self.usage.now(&self.usage.recall(caller));
        let order = request.order(now)?.ok_or(StoreError::Clock)?;
        let records = RecordWrites {
            registry: &self.registry,
            trail: request.trail,
        };

        self.usage
            .grant(caller, &order, records, now, request.deadline)
            .await
    }

    /// Returns the grants of a caller: see [`Store::grants`](crate::Store::grants).
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`], [`StoreError::Clock`].
    pub async fn grants(
        &self,
        caller: &Caller,
        plan: &Plan,
        deadline: Deadline,
    ) -> Result<CallerGrants, StoreError> {
        self.usage
            .grants(plan.charged(caller), plan, deadline)
            .await
    }

    /// Revokes a grant: see [`Store::revoke`](crate::Store::revoke).
    ///
    /// # Errors
    /// [`GrantError`].
    pub async fn revoke(&self, request: &RevokeRequest<'_>) -> Result<RevokedGrant, GrantError> {
        let caller = request.plan.charged(request.caller);
        let records = RecordWrites {
            registry: &self.registry,
            trail: request.trail,
        };
        self.usage.revoke(caller, request, records).await
    }

    /// Returns the usage of a caller: see [`Store::usage`](crate::Store::usage). Days are kept for
    /// 400 days if the caller is a key, a subject, a certificate or a shared plan.
    ///
    /// # Errors
    /// [`StoreError::Range`], [`StoreError::NoAnswer`], [`StoreError::Clock`].
    pub async fn usage(
        &self,
        caller: &Caller,
        group: Option<&Caller>,
        plan: Option<&Plan>,
        from: Date,
        to: Date,
        deadline: Deadline,
    ) -> Result<UsageReport, StoreError> {
        let (charged, days) = (
            plan.map_or(caller, |plan| plan.charged(group.unwrap_or(caller))),
            Days::new(from, to).ok_or(StoreError::Range)?,
        );
        let now = self.usage.now(&self.usage.recall(charged));
        let (mut history, shared) =
            tokio::try_join!(self.usage.report(caller, days, now, deadline), async {
                if charged == caller {
                    Ok(None)
                } else {
                    self.usage.usage(charged, deadline).await.map(Some)
                }
            })?;
        history.add(&self.figures.pending(caller));

        let usage = shared.as_ref().unwrap_or(&history.usage);
        UsageReport::new(
            days,
            |day| history.day(day),
            history.is_recorded,
            plan,
            usage,
            now,
        )
        .ok_or(StoreError::Clock)
    }

    /// Returns the usage of many callers: see [`Store::caller_days`](crate::Store::caller_days).
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`].
    pub async fn caller_days(
        &self,
        callers: &[Caller],
        days: Days,
        deadline: Deadline,
    ) -> Result<Vec<CallerDays>, StoreError> {
        let now = self.usage.own_now();
        let read = self
            .usage
            .caller_days(callers, days, &self.figures, now, deadline);
        Ok(read.await?)
    }

    /// Returns the calls of callers in a month: see
    /// [`Store::month_calls`](crate::Store::month_calls).
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`].
    pub async fn month_calls(
        &self,
        callers: &[ReportedCaller],
        month: Date,
        deadline: Deadline,
    ) -> Result<Vec<u64>, StoreError> {
        let now = self.usage.own_now();
        let read = self
            .usage
            .month_calls(callers, month, &self.figures, now, deadline);
        Ok(read.await?)
    }

    /// Returns the last day of use of callers: see [`Store::last_used`](crate::Store::last_used).
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`].
    pub async fn last_used(
        &self,
        callers: &[ReportedCaller],
        since: Date,
        deadline: Deadline,
    ) -> Result<Vec<Option<Date>>, StoreError> {
        let now = self.usage.own_now();
        let read = self
            .usage
            .last_used(callers, since, &self.figures, now, deadline);
        Ok(read.await?)
    }

    /// Returns true if there is usage of a caller: see
    /// [`Store::has_usage`](crate::Store::has_usage).
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`].
    pub async fn has_usage(&self, caller: &Caller, deadline: Deadline) -> Result<bool, StoreError> {
        let id = caller.to_string();
        let item = self.usage.read_attributes(&id, deadline).await?;
        Ok(!item.is_empty())
    }

    /// Lets the usage of a caller expire: see [`Store::retire`](crate::Store::retire).
    ///
    /// # Errors
    /// [`StoreError::NoAnswer`].
    pub async fn retire(&self, caller: &Caller, deadline: Deadline) -> Result<(), StoreError> {
        let now = self.usage.own_now();
        Ok(self.usage.retire(caller, now, deadline).await?)
    }

    /// Writes reporting figures that this instance has not written yet. Call it at shutdown.
    pub async fn flush(&self, deadline: Deadline) {
        self.usage
            .write_all_figures(&self.figures, self.usage.own_now(), deadline)
            .await;
    }

    /// Returns the registry that keys, plans and policies are read from.
    #[must_use]
    pub fn registry(&self) -> &DynamoDbRegistry {
        &self.registry
    }

    /// Returns the API key with this hash, or `None` if there is none.
    ///
    /// # Errors
    /// Those of [`DynamoDbRegistry::key`].
    pub async fn key(
        &self,
        hash: &KeyHash,
        deadline: Deadline,
    ) -> Result<Option<Arc<ApiKey>>, RegistryError> {
        self.registry
            .key(hash, Instant::now().into_std(), deadline)
            .await
    }

    /// Returns the plan with this name, or `None` if there is none.
    ///
    /// # Errors
    /// Those of [`DynamoDbRegistry::plan`].
    pub async fn plan(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<Arc<Plan>>, RegistryError> {
        self.registry
            .plan(name, Instant::now().into_std(), deadline)
            .await
    }

    /// Returns the blocks of callers.
    ///
    /// # Errors
    /// Those of [`DynamoDbRegistry::blocks`].
    pub async fn blocks(&self, deadline: Deadline) -> Result<Arc<Blocks>, RegistryError> {
        self.registry
            .blocks(Instant::now().into_std(), deadline)
            .await
    }

    /// Creates the tables that do not exist. For local servers only: deployed tables belong to the
    /// template.
    ///
    /// # Errors
    /// [`StoreError::Request`].
    pub async fn create_tables(&self) -> Result<(), StoreError> {
        let usage = TableSchema {
            keys: &[usage_item::KEY],
            indexes: &[],
        };

        create_table(&self.client, &self.config.registry_table, TABLE_SCHEMA).await?;
        create_table(&self.client, &self.config.usage_table, usage).await?;
        Ok(())
    }
}

/// Logs why the plan decides on a call.
fn log_outage(outage: &Outage, plan: &str) {
    let message = match outage.cause {
        OutageCause::Store => "the plan decides, not the store",
        _ => "this caller's item is used too often",
    };
    tracing::warn!(
        reason = &*outage.reason,
        throttle = outage.throttle.as_deref(),
        service = "dynamodb",
        operation = outage.operation(),
        table = outage.table(),
        plan,
        error = %outage,
        "{message}"
    );
}

impl From<Outage> for StoreError {
    fn from(outage: Outage) -> Self {
        if outage.cause == OutageCause::Conflict {
            Self::Busy
        } else {
            Self::NoAnswer(outage.to_string().into())
        }
    }
}
