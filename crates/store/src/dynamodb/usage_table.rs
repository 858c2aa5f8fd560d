//! The usage table: one item per caller, charged by one conditional write.
//!
//! IAM: dynamodb:GetItem, dynamodb:UpdateItem on UsageTable key#*, sub#*, cert#*, ip#*, plan#*, group#*, history#*

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws::{Breaker, Deadline};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep, timeout_at};

use crate::Clock;
use crate::partition_keys::HISTORY;
use limits::{Caller, ChargeId, Decision, Demand, Nanos, QuotaThreshold, SECOND, Usage, Verdict};

use super::charging::{ChargeDialogue, Step};
use super::expression::{Clause, expression};
use super::leases::Purchase;
use super::memory::{CallerMemory, Memory};
use super::server_clock::ServerClock;
use super::usage_item::{self, UsageItem};
use super::{clamp, tidy};
use dynamodb::{Attempt, Call, Outage};

/// A step back of this machine's clock up to here is waited out. A larger one comes from a
/// correction by the store's `Date`.
const STEP_BACK: Nanos = 2 * SECOND;

/// Charges callers. Its client does not retry.
#[derive(Debug)]
pub(super) struct UsageTable {
    client: Client,
    table: String,
    memory: Memory,
    breaker: Breaker,
    clock: Clock,
    server_clock: Arc<ServerClock>,
}

/// A demand of one caller at one instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChargeRequest<'c, 'p> {
    pub(super) caller: &'c Caller,
    pub(super) demand: &'c Demand<'p>,
    pub(super) remembered: &'c CallerMemory,
    pub(super) deadline: Deadline,
}

/// The outcome of a conditional write.
#[derive(Debug)]
pub(super) enum WriteOutcome {
    /// It was made. Contains the item after it.
    Done(UsageItem),
    /// Its condition was not met. Contains the item if the store returned it.
    Refused(Option<UsageItem>),
}

impl UsageTable {
    pub(super) fn new(client: Client, table: String, server_clock: Arc<ServerClock>) -> Self {
        Self {
            client,
            table,
            memory: Memory::new(),
            breaker: Breaker::new("usage"),
            clock: Clock::system(),
            server_clock,
        }
    }

    pub(super) fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Returns the last known state of a caller's item.
    pub(super) fn recall(&self, caller: &Caller) -> Arc<CallerMemory> {
        self.memory.recall(caller)
    }

    /// Returns the time by this machine's clock.
    pub(super) fn own_now(&self) -> Nanos {
        self.clock.now()
    }

    /// Returns the time by DynamoDB's clock, and not before what was last seen of the caller.
    pub(super) fn now(&self, remembered: &CallerMemory) -> Nanos {
        let now = self.server_clock.correct(self.clock.now());
        if (now..now + STEP_BACK).contains(&remembered.seen) {
            remembered.seen
        } else {
            now
        }
    }

    /// Decides on a call that is not impossible, from memory if that is sufficient.
    pub(super) async fn decide(&self, call: &ChargeRequest<'_, '_>) -> Result<Decision, Outage> {
        match call.remembered.denial(call.demand) {
            Some(denied) => Ok(denied),
            None => self.charge(call).await,
        }
    }

    /// Buys `calls` calls, or charges one call if the limits do not allow as many.
    pub(super) async fn buy(
        &self,
        call: &ChargeRequest<'_, '_>,
        calls: u64,
        purchase: Purchase,
    ) -> Result<Decision, Outage> {
        let whole = call.demand.times(calls);
        if whole.exceeds_rates() || call.remembered.denial(&whole).is_some() {
            return self.decide(call).await;
        }
        let bought = self
            .charge(&ChargeRequest {
                demand: &whole,
                ..*call
            })
            .await?;
        if bought.verdict == Verdict::Allowed {
            let usage = self.recall(call.caller).usage.clone();
            return Ok(Decision {
                thresholds: bought.thresholds,
                ..self.named(call, purchase.keep(call.demand, calls, usage))
            });
        }
        drop(purchase);
        let remembered = self.recall(call.caller);
        self.decide(&ChargeRequest {
            remembered: &remembered,
            ..*call
        })
        .await
    }

    /// Adds the id of the charge to a decision, for a refund.
    pub(super) fn named(&self, call: &ChargeRequest<'_, '_>, decision: Decision) -> Decision {
        decision.charged(ChargeId::new(
            call.demand,
            call.caller,
            number_of(&call.caller.to_string()),
        ))
    }

    /// Charges a call that can pass at all. An attempt that surely had no effect is repeated while
    /// there is time. Each attempt reads the clock, so that windows, buckets and the times in the
    /// decision are those of the write that decided.
    async fn charge(&self, call: &ChargeRequest<'_, '_>) -> Result<Decision, Outage> {
        if call.demand.cost() == 0 {
            let item = self.read(&call.caller.to_string(), call.deadline).await?;
            return Ok(call.demand.peek(&item.usage));
        }

        let (mut attempt, mut before) = (1, None);
        let mut known = call.remembered.clone();
        let mut demand = None;
        loop {
            let request = ChargeRequest {
                demand: demand.as_ref().unwrap_or(call.demand),
                ..*call
            };
            let number = Attempt::number(attempt);
            let outage = match self.charge_once(&request, number, &mut known).await {
                Err(outage) => outage.after(before),
                decided => return decided,
            };

            let Some(wait) = wait_before_retry(&outage, attempt, call.deadline) else {
                return Err(outage);
            };
            sleep(wait).await;
            (attempt, before) = (attempt + 1, Some(outage));
            demand = call.demand.at(self.now(&known));
        }
    }

    /// Charges by as many writes as wrong guesses need. They share one instant: see [`ChargeDialogue`].
    /// The first guess is made from `known`, which becomes what a refused write showed.
    async fn charge_once(
        &self,
        call: &ChargeRequest<'_, '_>,
        attempt: Attempt,
        known: &mut CallerMemory,
    ) -> Result<Decision, Outage> {
        let id = call.caller.to_string();
        let mut charging = ChargeDialogue::new(call.demand, known);
        loop {
            let mut clauses = charging.clauses(call.caller);
            clauses.extend(call.remembered.mark_clauses(call.demand));
            let item = match self.attempt(&id, &clauses, call.deadline, attempt).await? {
                WriteOutcome::Done(item) => {
                    let thresholds = call.remembered.reached(call.demand, &item.usage);
                    let decision = Decision {
                        thresholds,
                        ..self.named(call, charging.charged(&item.usage))
                    };
                    self.after_charge(call, item, &decision.thresholds).await;
                    return Ok(decision);
                }
                WriteOutcome::Refused(seen) => self.seen(&id, seen, call.deadline).await?,
            };

            known.usage.clone_from(&item.usage);
            known.pairs.clone_from(&item.pairs);
            match charging.refused(&item) {
                Step::Again => {}
                Step::Denied(decision) => {
                    return Ok(self.after_denial(call, item, *decision).await);
                }
                Step::Contradiction => return Err(Outage::CONFLICT),
            }
        }
    }

    /// Returns the decision on a call without charging it.
    pub(super) async fn peek(
        &self,
        caller: &Caller,
        demand: &Demand<'_>,
        deadline: Deadline,
    ) -> Result<Decision, Outage> {
        Ok(demand.peek(&self.read(&caller.to_string(), deadline).await?.usage))
    }

    /// Returns the present usage of a caller.
    pub(super) async fn usage(&self, caller: &Caller, deadline: Deadline) -> Result<Usage, Outage> {
        Ok(self.read(&caller.to_string(), deadline).await?.usage)
    }

    /// Removes the known state of a caller, which is outdated.
    pub(super) fn forget(&self, caller: &Caller) {
        self.memory.forget(caller);
    }

    /// Returns the item that did not meet a condition, and reads it if the store did not return it.
    pub(super) async fn seen(
        &self,
        id: &str,
        seen: Option<UsageItem>,
        deadline: Deadline,
    ) -> Result<UsageItem, Outage> {
        match seen {
            Some(item) => Ok(item),
            None => self.read(id, deadline).await,
        }
    }

    async fn after_charge(
        &self,
        call: &ChargeRequest<'_, '_>,
        item: UsageItem,
        reached: &[QuotaThreshold],
    ) {
        let tidying = tidy::tidying(&item, call.demand.now(), call.remembered.tidied);
        let tidied = tidying
            .as_ref()
            .map_or(call.remembered.tidied, |_| Some(call.demand.now()));
        let logged = call.remembered.logged_with(call.demand, reached);
        let busy = call.remembered.busy_with(call.demand, &item.usage);
        self.keep(
            call,
            item,
            CallerMemory {
                tidied,
                logged,
                busy,
                ..call.remembered.clone()
            },
        );
        if let Some(tidying) = tidying
            && let Err(outage) = self
                .tidy(&call.caller.to_string(), &tidying, call.deadline)
                .await
        {
            tracing::warn!(
                reason = &*outage.reason,
                error = %outage,
                "a usage item could not be tidied"
            );
        }
    }

    /// If a fast clock's `tat` caused the refusal, resets it and decides again.
    async fn after_denial(
        &self,
        call: &ChargeRequest<'_, '_>,
        item: UsageItem,
        decision: Decision,
    ) -> Decision {
        let clauses = clamp::clamp(call.demand, &item.usage);
        let due = self.server_clock.is_compared()
            && clamp::is_due(call.remembered.clamped, call.demand.now());
        if clauses.is_empty() || !due {
            self.keep(call, item, call.remembered.clone());
            return decision;
        }
        let buckets = clauses.len();
        tracing::warn!(
            buckets,
            "{buckets} buckets are further ahead than a plan allows, because a clock is fast"
        );
        let (item, decision) = match self
            .write(&call.caller.to_string(), &clauses, call.deadline)
            .await
        {
            Ok(WriteOutcome::Done(lowered)) => {
                let decision = call.demand.evaluate(&lowered.usage);
                (lowered, decision)
            }
            _ => (item, decision),
        };
        self.keep(
            call,
            item,
            CallerMemory {
                clamped: Some(call.demand.now()),
                ..call.remembered.clone()
            },
        );
        decision
    }

    fn keep(&self, call: &ChargeRequest<'_, '_>, item: UsageItem, remembered: CallerMemory) {
        let now = call.demand.now();
        self.memory.keep(
            call.caller,
            CallerMemory {
                usage: item.usage.current(now),
                pairs: item.pairs,
                seen: now,
                ..remembered
            },
        );
    }

    /// Writes the copy before the removal, so that a failure in between leaves both and loses
    /// nothing.
    async fn tidy(
        &self,
        id: &str,
        tidying: &tidy::Cleanup,
        deadline: Deadline,
    ) -> Result<(), Outage> {
        if let Some((suffix, clauses)) = &tidying.history {
            self.write(&format!("{HISTORY}{id}{suffix}"), clauses, deadline)
                .await?;
        }
        self.write(id, &tidying.removals, deadline)
            .await
            .map(|_| ())
    }

    /// Makes one write. It is retried while there is time if it certainly had no effect.
    pub(super) async fn write(
        &self,
        id: &str,
        clauses: &[Clause],
        deadline: Deadline,
    ) -> Result<WriteOutcome, Outage> {
        let (mut attempt, mut before) = (1, None);
        loop {
            let outage = match self
                .attempt(id, clauses, deadline, Attempt::number(attempt))
                .await
            {
                Err(outage) => outage.after(before),
                settled => return settled,
            };
            let Some(wait) = wait_before_retry(&outage, attempt, deadline) else {
                return Err(outage);
            };
            sleep(wait).await;
            (attempt, before) = (attempt + 1, Some(outage));
        }
    }

    async fn attempt(
        &self,
        id: &str,
        clauses: &[Clause],
        deadline: Deadline,
        attempt: Attempt,
    ) -> Result<WriteOutcome, Outage> {
        let call = Call::begin("UpdateItem", &self.table, &self.breaker, deadline)?;
        let outcome =
            match timeout_at(deadline.instant().into(), self.update(id, clauses).send()).await {
                Ok(Err(error)) => match refused_item(&error) {
                    Some(item) => Some(Ok(WriteOutcome::Refused(item))),
                    None => Some(Err(error)),
                },
                Ok(Ok(output)) => Some(Ok(WriteOutcome::Done(read_item(output.attributes)))),
                Err(_) => None,
            };
        call.settle(outcome, attempt)
    }

    fn update(&self, id: &str, clauses: &[Clause]) -> UpdateItemFluentBuilder {
        let expression = expression(clauses);
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id)))
            .update_expression(expression.update)
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(Some(expression.names.into_iter().collect()))
            .set_expression_attribute_values(Some(numbers(expression.values)))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    pub(super) async fn read(&self, id: &str, deadline: Deadline) -> Result<UsageItem, Outage> {
        let attributes = self.read_attributes(id, deadline).await?;
        Ok(usage_item::read(&attributes))
    }

    /// Returns the attributes of an item. They are empty if there is none.
    pub(super) async fn read_attributes(
        &self,
        id: &str,
        deadline: Deadline,
    ) -> Result<HashMap<String, AttributeValue>, Outage> {
        let call = Call::begin("GetItem", &self.table, &self.breaker, deadline)?;
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(id)))
            .consistent_read(true)
            .send();
        let outcome = timeout_at(deadline.instant().into(), request).await.ok();
        let output = call.settle(outcome, Attempt::First)?;
        Ok(output.item.unwrap_or_default())
    }
}

/// Returns how long to wait before the next attempt, or `None` if there must be none.
fn wait_before_retry(outage: &Outage, attempt: u32, deadline: Deadline) -> Option<Duration> {
    let remaining = deadline.remaining(Instant::now().into_std());
    let wait = aws::retry::pause(attempt, None, remaining, fastrand::f64());
    wait.filter(|_| outage.is_retryable())
}

/// Returns the key of an item.
pub(super) fn key(id: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([(usage_item::KEY.to_owned(), AttributeValue::S(id.to_owned()))])
}

/// Returns the values of an expression.
pub(super) fn numbers(values: Vec<(String, Nanos)>) -> HashMap<String, AttributeValue> {
    values
        .into_iter()
        .map(|(name, value)| (name, AttributeValue::N(value.to_string())))
        .collect()
}

/// Returns the item that did not meet a condition, if that is the error.
fn refused_item(error: &SdkError<UpdateItemError, HttpResponse>) -> Option<Option<UsageItem>> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
            Some(refused.item.as_ref().map(usage_item::read))
        }
        _ => None,
    }
}

fn read_item(attributes: Option<HashMap<String, AttributeValue>>) -> UsageItem {
    attributes
        .as_ref()
        .map(usage_item::read)
        .unwrap_or_default()
}

/// Returns the name of an item as a number, to bind a charge to it.
pub(super) fn number_of(id: &str) -> u64 {
    Sha256::digest(id.as_bytes())
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
