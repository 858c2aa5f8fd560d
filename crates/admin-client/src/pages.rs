//! Lists of the admin API, page by page.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use serde_json::Value;

use crate::client::AdminClient;
use crate::error::ClientError;
use crate::path::ApiPath;

/// The most pages of a list. With 100 items each, they have 10 million items.
const MAX_PAGES: usize = 100_000;
/// The most pages without items in a row. A search reads at most 1,000 objects per page.
const MAX_EMPTY_PAGES: usize = 10_000;

/// The pages of a list.
#[derive(Debug)]
pub struct Pages {
    client: AdminClient,
    path: String,
    position: Position,
    /// The hashes of all cursors, which a server that repeats them would return forever.
    seen: HashSet<u64>,
    hashes: RandomState,
    empty_in_a_row: usize,
}

/// The next page of a list.
#[derive(Debug)]
enum Position {
    First,
    Cursor(String),
    End,
}

impl Pages {
    pub(crate) fn new(client: AdminClient, path: &str) -> Self {
        Self {
            client,
            path: path.to_owned(),
            position: Position::First,
            seen: HashSet::new(),
            hashes: RandomState::new(),
            empty_in_a_row: 0,
        }
    }

    /// Returns the items of the next page, or `None` after the last one. A page can be empty
    /// although others follow.
    ///
    /// # Errors
    /// [`ClientError`] if the request fails. The same page is read by the next call.
    pub async fn next(&mut self) -> Result<Option<Vec<Value>>, ClientError> {
        let path = match &self.position {
            Position::First => ApiPath::encoded(&self.path),
            Position::Cursor(cursor) => {
                ApiPath::encoded(&self.path).query(&[("cursor", cursor.as_str())])
            }
            Position::End => return Ok(None),
        };

        let mut page = self.client.get(&path).await?.json()?;
        let items = page.get_mut("items").map(Value::take);
        let Some(Value::Array(items)) = items else {
            return Err(ClientError::NotAList { path: self.name() });
        };
        self.empty_in_a_row = if items.is_empty() {
            self.empty_in_a_row + 1
        } else {
            0
        };
        self.position = match page["next_cursor"].as_str() {
            Some(cursor) => self.position_at(cursor)?,
            None => Position::End,
        };
        Ok(Some(items))
    }

    /// Returns the position of the next page, if the list can still end.
    fn position_at(&mut self, cursor: &str) -> Result<Position, ClientError> {
        if !self.seen.insert(self.hashes.hash_one(cursor)) {
            return Err(ClientError::RepeatedCursor { path: self.name() });
        }
        if self.seen.len() >= MAX_PAGES || self.empty_in_a_row >= MAX_EMPTY_PAGES {
            return Err(ClientError::EndlessList { path: self.name() });
        }
        Ok(Position::Cursor(cursor.to_owned()))
    }

    /// Returns the path without the query, for messages.
    fn name(&self) -> String {
        let path = self.path.split('?').next();
        path.unwrap_or_default().to_owned()
    }
}
