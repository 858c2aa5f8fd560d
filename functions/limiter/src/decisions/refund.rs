//! Refunds of charges.

use limits::{Caller, Refund};

use super::charge_token;
use super::response::RefundResponse;
use crate::audit::{Action, Amount};
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;

/// Returns a charge to its caller. A charge is refunded at most once.
///
/// # Errors
/// 422 if no decision returned this charge, or the store's failure.
pub(super) async fn refund(request: &AdminRequest, token: &str) -> Result<RefundResponse, Problem> {
    let shared = &request.shared;
    let key = shared
        .charge_key
        .get(&request.admin(), request.deadline())
        .await?;
    let (caller, charge) = charge_token::decode(key, token).ok_or_else(|| {
        let detail = "invalid charge, expected the `charge` of an earlier decision";
        Problem::invalid_body(vec![Mistake::at("/charge", detail)])
    })?;

    let target = match &caller {
        Caller::Key(key_id) => key_id.clone(),
        other => other.to_string(),
    };
    let change = request.begin(Action::Refund, target);
    let refund = match shared
        .store
        .refund(&caller, &charge, request.deadline())
        .await
    {
        Ok(refund) => refund,
        Err(error) => return Err(change.fail(Problem::from(error).for_write())),
    };
    if refund == Refund::Returned {
        change.complete_amount(&Amount {
            quota: None,
            amount: i64::try_from(charge.cost()).unwrap_or(i64::MAX),
        });
    } else {
        change.discard();
    }

    let (refunded, reason) = match refund {
        Refund::Returned => (true, "ok"),
        Refund::AlreadyRefunded => (false, "already_refunded"),
        Refund::NotFound => (false, "not_found"),
        Refund::WindowOver => (false, "window_over"),
    };
    Ok(RefundResponse { refunded, reason })
}
