//! The end of a caller: its usage item gets the lifetime of reports.
//!
//! The item of a key with a `total` quota never expires, because the balance of a prepaid key must
//! not disappear. Once the key is deleted, nothing needs the balance any more.
//!
//! IAM through usage_table.rs: dynamodb:UpdateItem on UsageTable key#*

use aws::Deadline;
use dynamodb::Outage;
use limits::{Caller, Nanos, SECOND};

use super::charging::KEY_USAGE_LIFETIME;
use super::expression::Clause;
use super::usage_item::{EXPIRY, VERSION};
use super::usage_table::UsageTable;

impl UsageTable {
    /// Lets the item of a caller expire. A caller without an item gets none.
    pub(super) async fn retire(
        &self,
        caller: &Caller,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<(), Outage> {
        let clauses = [
            Clause::Present {
                attribute: VERSION.to_owned(),
            },
            Clause::Set {
                attribute: EXPIRY.to_owned(),
                to: (now + KEY_USAGE_LIFETIME) / SECOND,
            },
        ];

        self.write(&caller.to_string(), &clauses, deadline)
            .await
            .map(|_| ())
    }
}
