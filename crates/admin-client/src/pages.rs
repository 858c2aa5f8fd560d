//! Lists of the admin API, page by page.

use serde_json::Value;

use crate::client::AdminClient;
use crate::error::ClientError;
use crate::path::ApiPath;

/// The pages of a list.
#[derive(Debug)]
pub struct Pages {
    client: AdminClient,
    path: String,
    position: Position,
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
        self.position = self.position_after(page["next_cursor"].as_str())?;
        Ok(Some(items))
    }

    fn position_after(&self, cursor: Option<&str>) -> Result<Position, ClientError> {
        match (cursor, &self.position) {
            (None, _) => Ok(Position::End),
            (Some(next), Position::Cursor(last)) if next == last => {
                Err(ClientError::RepeatedCursor { path: self.name() })
            }
            (Some(next), _) => Ok(Position::Cursor(next.to_owned())),
        }
    }

    /// Returns the path without the query, for messages.
    fn name(&self) -> String {
        let path = self.path.split('?').next();
        path.unwrap_or_default().to_owned()
    }
}
