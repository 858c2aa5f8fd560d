//! The grants of one window, of which the newest are listed and can be revoked.

use std::fmt;
use std::str::FromStr;

use crate::Nanos;

/// The most grants of one window that are listed.
pub const MAX_LISTED_GRANTS: usize = 50;
/// The number of digits of an id.
const ID_DIGITS: usize = 15;
/// The number of ids: each has at most as many digits as an attribute's name has room for.
const IDS: u64 = 10_u64.pow(15);

/// The id of a grant: 15 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(u64);

/// The error for text that is not the id of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a grant, which has {ID_DIGITS} digits")]
pub struct GrantIdError;

/// A grant of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedGrant {
    /// The id.
    pub id: GrantId,
    /// The number of calls that were added, or below 0 removed.
    pub amount: i64,
    /// The instant of the grant.
    pub at: Nanos,
    /// When it was revoked, if it was.
    pub revocation: Option<Revocation>,
}

/// The end of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The instant of the revocation.
    pub at: Nanos,
    /// The number of calls that were left of the grant, and taken back.
    pub calls: u64,
}

/// The newest grants of one window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantList {
    /// From the oldest to the newest.
    grants: Vec<ListedGrant>,
    made: u64,
}

impl GrantId {
    /// Returns the id with the digits of a random number.
    #[must_use]
    pub fn new(random: u64) -> Self {
        Self(random % IDS)
    }

    /// Returns the id as a number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:0ID_DIGITS$}", self.0)
    }
}

impl FromStr for GrantId {
    type Err = GrantIdError;

    fn from_str(text: &str) -> Result<Self, GrantIdError> {
        let is_id = text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_id);
        number.map(Self).ok_or(GrantIdError)
    }
}

impl GrantList {
    /// Returns the list of these grants, in any order. `made` is the number of all grants of the
    /// window.
    #[must_use]
    pub fn new(mut grants: Vec<ListedGrant>, made: u64) -> Self {
        grants.sort_by_key(|grant| (grant.at, grant.id));
        Self { grants, made }
    }

    /// Returns the grants from the oldest to the newest.
    #[must_use]
    pub fn grants(&self) -> &[ListedGrant] {
        &self.grants
    }

    /// Returns a grant.
    #[must_use]
    pub fn get(&self, id: GrantId) -> Option<&ListedGrant> {
        self.grants.iter().find(|grant| grant.id == id)
    }

    /// Returns the number of earlier grants of the window that are not listed.
    #[must_use]
    pub fn unlisted(&self) -> u64 {
        self.made.saturating_sub(self.grants.len() as u64)
    }

    /// Returns the oldest grants, which another grant displaces from the list.
    #[must_use]
    pub fn displaced(&self) -> &[ListedGrant] {
        let count = (self.grants.len() + 1).saturating_sub(MAX_LISTED_GRANTS);
        &self.grants[..count]
    }

    /// Adds a grant, which displaces the oldest one of a full list.
    pub fn add(&mut self, grant: ListedGrant) {
        self.grants.drain(..self.displaced().len());
        self.grants.push(grant);
        self.made += 1;
    }

    /// Records that a grant was revoked.
    pub fn revoke(&mut self, id: GrantId, revocation: Revocation) {
        if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == id) {
            grant.revocation = Some(revocation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(number: u64) -> ListedGrant {
        ListedGrant {
            id: GrantId::new(number),
            amount: 1,
            at: number.into(),
            revocation: None,
        }
    }

    #[test]
    fn id_has_15_digits_and_is_read_as_it_is_written() {
        for (random, text) in [
            (0, "000000000000000"),
            (42, "000000000000042"),
            (IDS - 1, "999999999999999"),
            (IDS + 7, "000000000000007"),
        ] {
            let id = GrantId::new(random);
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
        for wrong in [
            "",
            "42",
            "+00000000000042",
            "0000000000000042",
            "00000000000000x",
        ] {
            assert_eq!(wrong.parse::<GrantId>(), Err(GrantIdError), "{wrong}");
        }
    }

    #[test]
    fn list_has_the_newest_grants_and_counts_the_others() {
        let mut list = GrantList::default();
        for number in 0..60 {
            list.add(grant(number));
        }

        assert_eq!((list.grants().len(), list.unlisted()), (50, 10));
        assert_eq!(list.get(GrantId::new(9)), None);
        assert_eq!(list.get(GrantId::new(10)), Some(&grant(10)));
        assert_eq!(list.displaced(), [grant(10)]);

        // Concurrent grants may exceed the number of listed grants for a moment.
        let long = GrantList::new((0..52).rev().map(grant).collect(), 52);
        assert_eq!(long.displaced(), [grant(0), grant(1), grant(2)]);
    }
}
