//! Lists of grants, and the revocation of a grant: it cuts the calls that are left.
//!
//! One transaction writes the caller's item, marks the grant in its list, and writes the audit
//! record. The mark is written once, so that a repeated request changes nothing.
//!
//! IAM through usage_table.rs: dynamodb:GetItem, dynamodb:UpdateItem on UsageTable grants#*

use aws::Deadline;
use futures_util::future::try_join_all;
use limits::{Caller, GrantOrder, Nanos, Plan, Revocation};

use super::expression::Clause;
use super::grant_items::{list_id, read_list, revoking};
use super::grant_writes::{expiry, moving};
use super::granting::pause;
use super::record_writes::RecordWrites;
use super::transaction::{ItemWrite, TransactionOutcome};
use super::usage_table::UsageTable;
use crate::caller_grants::{QuotaGrants, RevokeStep, present_windows};
use crate::{CallerGrants, GrantError, RevokeRequest, RevokedGrant, StoreError};
use dynamodb::{Attempt, Outage};

impl UsageTable {
    /// Returns the grants of a caller in the present windows of a plan.
    pub(super) async fn grants(
        &self,
        caller: &Caller,
        plan: &Plan,
        deadline: Deadline,
    ) -> Result<CallerGrants, StoreError> {
        let now = self.now(&self.recall(caller));
        let windows = self.listed(caller, plan, now, deadline).await?;
        Ok(CallerGrants::new(&windows))
    }

    /// Reads one item per quota.
    async fn listed<'p>(
        &self,
        caller: &Caller,
        plan: &'p Plan,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Vec<QuotaGrants<'p>>, StoreError> {
        let id = caller.to_string();
        let windows = present_windows(plan, now).ok_or(StoreError::Clock)?;
        let read = windows.into_iter().map(async |(quota, window)| {
            let item = list_id(&id, window.id);
            let list = read_list(&self.read_attributes(&item, deadline).await?);
            Ok::<_, Outage>(QuotaGrants {
                quota,
                window,
                list,
            })
        });
        Ok(try_join_all(read).await?)
    }

    /// Revokes a grant of `caller`, and forgets the caller.
    pub(super) async fn revoke(
        &self,
        caller: &Caller,
        request: &RevokeRequest<'_>,
        records: RecordWrites<'_>,
    ) -> Result<RevokedGrant, GrantError> {
        let now = self.now(&self.recall(caller));
        let revoked = self.attempt_revocation(caller, request, records, now).await;
        self.forget(caller);
        revoked
    }

    /// Repeats the transaction while it certainly had no effect.
    async fn attempt_revocation(
        &self,
        caller: &Caller,
        request: &RevokeRequest<'_>,
        records: RecordWrites<'_>,
        now: Nanos,
    ) -> Result<RevokedGrant, GrantError> {
        let (id, deadline) = (caller.to_string(), request.deadline);
        let mut attempt = 1;
        loop {
            let windows = self.listed(caller, request.plan, now, deadline).await?;
            let order = match request.step(&windows)? {
                RevokeStep::Cut(order) => order,
                RevokeStep::Done(revoked) => return Ok(revoked),
            };

            let item = self.read(&id, deadline).await?;
            let cut = order.possible(&item.usage)?;
            let calls = cut.unsigned_abs();
            let record = records.write(&order.quota.name, cut, request.id)?;
            let mark = revoking(request.id, &Revocation { at: now, calls });
            let writes = writes(&id, &order, cut, expiry(&order, caller, now), mark);
            let number = Attempt::number(attempt);
            let outcome = self.transact(&writes, record, deadline, number).await;
            match outcome.and_then(TransactionOutcome::accepted) {
                Ok(()) => return Ok(RevokedGrant::new(&order, calls)),
                Err(outage) => pause(attempt, outage, deadline).await?,
            }
            attempt += 1;
        }
    }
}

/// Returns the write of the list, and unless no calls are left, that of the caller's item.
fn writes(
    id: &str,
    order: &GrantOrder<'_>,
    cut: i64,
    expiry: Nanos,
    mark: Vec<Clause>,
) -> Vec<ItemWrite> {
    let mut writes = vec![ItemWrite {
        id: list_id(id, order.window.id),
        clauses: mark,
    }];
    if cut != 0 {
        writes.push(ItemWrite {
            id: id.to_owned(),
            clauses: moving(order, cut, expiry),
        });
    }
    writes
}
