//! The end of a caller: its usage item gets the lifetime of reports.
//!
//! The item of a key with a `total` quota never expires, because the balance of a prepaid key must
//! not disappear. Once the key is deleted, nothing needs the balance any more.
//!
//! IAM through usage_table.rs: dynamodb:UpdateItem on UsageTable key#*, grants#*

use aws::Deadline;
use dynamodb::Outage;
use jiff::civil::Date;
use limits::{CalendarId, Caller, Nanos, SECOND, WindowId};

use super::charging::KEY_USAGE_LIFETIME;
use super::expression::Clause;
use super::grant_items::list_id;
use super::usage_item::{EXPIRY, VERSION};
use super::usage_table::UsageTable;

/// The window of a `total` quota.
const TOTAL: WindowId = WindowId {
    calendar: CalendarId::TOTAL,
    first_day: Date::constant(1970, 1, 1),
};

impl UsageTable {
    /// Lets the items of a caller expire. A caller without an item gets none.
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

        // The list of grants of a `total` quota never expires otherwise.
        let id = caller.to_string();
        let list = list_id(&id, TOTAL);
        tokio::try_join!(
            self.write(&id, &clauses, deadline),
            self.write(&list, &clauses, deadline)
        )?;
        Ok(())
    }
}
