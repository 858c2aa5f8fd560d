//! Refuses callers that an administrator has blocked.

use std::net::IpAddr;
use std::sync::Arc;

use aws::Deadline;
use jiff::Timestamp;
use outcome::Reason;
use registry::{BlockKind, Blocks};
use store::Store;

use crate::event::Request;
use crate::identity::Identity;
use crate::rejection::Rejection;

/// The blocks at the time of a request.
pub(crate) struct BlockCheck {
    blocks: Arc<Blocks>,
    now: Timestamp,
}

impl BlockCheck {
    /// Reads the blocks, usually from the cache.
    ///
    /// # Errors
    /// A fault if they were never read and cannot be read now: the caller may be blocked.
    pub(crate) async fn read(
        store: &Store,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Self, Rejection> {
        match store.blocks(deadline).await {
            Ok(blocks) => Ok(Self { blocks, now }),
            Err(error) => Err(Rejection::fault(
                Reason::StoreUnavailable,
                error.to_string(),
            )),
        }
    }

    /// Checks the address of a request, which is that of the client. It does not need credentials. Events of type TOKEN have no
    /// address, so blocks of networks do not apply to them.
    ///
    /// # Errors
    /// 403 if a network that contains it is blocked. A fault if a network is blocked and the address,
    /// which every other event has, is missing or invalid.
    pub(crate) fn check_address(
        &self,
        request: &Request<'_>,
        address: Option<IpAddr>,
    ) -> Result<(), Rejection> {
        match address {
            Some(address) => refuse(self.blocks.address(address, self.now)),
            None if request.is_token_event() || !self.blocks.have_network(self.now) => Ok(()),
            None => Err(Rejection::fault(
                Reason::Fault,
                "event: the source address is missing or invalid, and a network is blocked",
            )),
        }
    }

    /// Checks each credential of a caller. Its group and its plan do not matter.
    ///
    /// # Errors
    /// 403 if a credential, or the issuer of its token, is blocked.
    pub(crate) fn check_identity(&self, identity: &Identity) -> Result<(), Rejection> {
        let caller = |caller| self.blocks.caller(caller, self.now);
        let mut block = identity.caller.as_ref().and_then(caller);

        if let Some(bearer) = &identity.bearer {
            block = block
                .or_else(|| caller(&bearer.caller))
                .or_else(|| self.blocks.issuer(&bearer.iss, self.now));
        }
        refuse(block)
    }
}

fn refuse(block: Option<BlockKind>) -> Result<(), Rejection> {
    match block {
        Some(kind) => Err(Rejection::forbidden(Reason::Blocked).because(kind.as_str())),
        None => Ok(()),
    }
}
