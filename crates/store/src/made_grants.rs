//! Grants with an id, in memory: bounded, and kept for a day.

use std::collections::HashMap;

use crate::{GrantError, StoreError};
use limits::GRANT_ID_LIFETIME;
use limits::{Grant, GrantRefusal, Nanos};

/// The greatest number of grants per day, far above what administration needs.
const MAX_GRANTS: usize = 65_536;

/// Grants by the number of their id.
#[derive(Debug, Default)]
pub(crate) struct MadeGrants {
    made: HashMap<u64, PastGrant>,
}

#[derive(Debug)]
struct PastGrant {
    request: u64,
    grant: Grant,
    until: Nanos,
}

impl MadeGrants {
    /// Makes a grant, or returns the outcome of the earlier one with the same id.
    ///
    /// # Errors
    /// [`GrantRefusal::Repeated`] if another request has used the id, [`StoreError::Full`], and
    /// those of `make`.
    pub(crate) fn once(
        &mut self,
        number: u64,
        request: u64,
        now: Nanos,
        make: impl FnOnce() -> Result<Grant, GrantError>,
    ) -> Result<Grant, GrantError> {
        match self.made.get(&number).filter(|made| made.until > now) {
            Some(made) if made.request == request => {
                return Ok(Grant {
                    repeated: true,
                    ..made.grant
                });
            }
            Some(_) => return Err(GrantRefusal::Repeated.into()),
            None => {}
        }
        if self.made.len() >= MAX_GRANTS {
            self.made.retain(|_, made| made.until > now);
        }
        if self.made.len() >= MAX_GRANTS {
            return Err(StoreError::Full.into());
        }
        let grant = make()?;
        self.made.insert(
            number,
            PastGrant {
                request,
                grant,
                until: now + GRANT_ID_LIFETIME,
            },
        );
        Ok(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: Grant = Grant {
        used: 0,
        remaining: 1,
        granted: 1,
        id: None,
        repeated: false,
    };

    #[test]
    fn a_day_later_a_name_is_free_again() {
        let mut grants = MadeGrants::default();
        for (now, repeated) in [
            (0, false),
            (GRANT_ID_LIFETIME - 1, true),
            (GRANT_ID_LIFETIME, false),
        ] {
            assert_eq!(
                grants.once(1, 1, now, || Ok(GRANT)).unwrap().repeated,
                repeated,
                "{now}"
            );
        }
    }

    #[test]
    fn what_was_not_made_leaves_its_name_free_and_what_was_made_is_bounded() {
        let mut grants = MadeGrants::default();
        assert!(
            grants
                .once(1, 1, 0, || Err(GrantRefusal::Amount.into()))
                .is_err()
        );
        for number in 0..MAX_GRANTS as u64 {
            assert!(!grants.once(number, 1, 0, || Ok(GRANT)).unwrap().repeated);
        }
        assert!(matches!(
            grants.once(u64::MAX, 1, 0, || Ok(GRANT)),
            Err(GrantError::Store(StoreError::Full))
        ));
        assert!(
            grants
                .once(u64::MAX, 1, GRANT_ID_LIFETIME, || Ok(GRANT))
                .is_ok()
        );
    }
}
