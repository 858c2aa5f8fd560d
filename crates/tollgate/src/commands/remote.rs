//! The plans, policies, compositions and keys of an API, to compare or to store them.

use std::collections::{BTreeMap, HashMap};

use admin_client::{AdminClient, ApiPath, ClientError, Pages, path};
use declaration::{Comparison, Declaration, Differences, ObjectKind, RemoteObject};
use serde_json::Value;

use super::CommandError;
use crate::progress::Progress;

/// The number of items per page, the largest that the API allows.
const PAGE_ITEMS: &str = "100";
const FORBIDDEN: u16 = 403;

/// Reads the objects of an API, and counts the requests.
pub(super) struct Remote<'c> {
    client: &'c AdminClient,
    pub(super) requests: usize,
}

/// A policy as the list of policies shows it.
pub(super) struct ListedPolicy {
    pub(super) object: RemoteObject,
    pub(super) has_candidate: bool,
}

impl<'c> Remote<'c> {
    pub(super) fn new(client: &'c AdminClient) -> Self {
        Self {
            client,
            requests: 0,
        }
    }

    /// Compares a file with the API. Keys are read page by page.
    pub(super) async fn compare(
        &mut self,
        declaration: &Declaration,
        prunes: bool,
    ) -> Result<Differences, CommandError> {
        let mut comparison = Comparison::new(declaration, prunes);
        comparison.plans(&self.plans().await?);

        let is_declared = |name: &str| declaration.policies.contains_key(name);
        let policies = self.policies(is_declared).await?.into_iter();
        let policies = policies.map(|(name, policy)| (name, policy.object));
        comparison.policies(&policies.collect());

        if !declaration.compositions.is_empty() || prunes {
            let is_declared = |name: &str| declaration.compositions.contains_key(name);
            comparison.compositions(&self.compositions(is_declared).await?);
        }

        // Without declared keys, none can differ. Only a deletion could be found.
        if declaration.keys.is_empty() && !prunes {
            return Ok(comparison.finish());
        }
        let (hashes, warning) = self.declared_hashes(declaration).await?;
        let mut pages = self.list(ObjectKind::Key.plural());
        let mut progress = Progress::new("Reading keys", None);
        while let Some(keys) = self.next(&mut pages).await? {
            progress.advance(keys.len());
            for key in &keys {
                etag(key)?;
                let key_id = key["key_id"].as_str().unwrap_or_default();
                comparison.key(key, hashes.get(key_id).map(String::as_str));
            }
        }

        let mut differences = comparison.finish();
        differences.warnings.extend(warning);
        Ok(differences)
    }

    /// Returns all plans by name.
    pub(super) async fn plans(&mut self) -> Result<BTreeMap<String, RemoteObject>, CommandError> {
        let mut plans = BTreeMap::new();
        let mut pages = self.list(ObjectKind::Plan.plural());
        while let Some(items) = self.next(&mut pages).await? {
            for mut item in items {
                let plan = item["plan"].take();
                plans.insert(name(&item), object(&item, plan)?);
            }
        }
        Ok(plans)
    }

    /// Returns all policies by name. The documents of those that are not `wanted` are null.
    pub(super) async fn policies(
        &mut self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, ListedPolicy>, CommandError> {
        let mut policies = BTreeMap::new();
        let mut pages = self.list(ObjectKind::Policy.plural());
        while let Some(items) = self.next(&mut pages).await? {
            for item in items {
                let name = name(&item);
                let mut policy = ListedPolicy {
                    object: object(&item, Value::Null)?,
                    has_candidate: item["candidate"] == true,
                };
                let path = path(&[ObjectKind::Policy.plural(), &name]);
                if !wanted(&name) || self.read_document(&path, &mut policy.object).await? {
                    policies.insert(name, policy);
                }
            }
        }
        Ok(policies)
    }

    /// Returns all compositions by name. The documents of those that are not `wanted` are null. An
    /// API of an earlier release has none.
    pub(super) async fn compositions(
        &mut self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, RemoteObject>, CommandError> {
        let mut compositions = BTreeMap::new();
        let mut pages = self.list(ObjectKind::Composition.plural());
        loop {
            let items = match self.next(&mut pages).await {
                Ok(Some(items)) => items,
                Ok(None) => return Ok(compositions),
                Err(error) if error.is_not_found() => return Ok(compositions),
                Err(error) => return Err(error.into()),
            };
            for item in items {
                let name = name(&item);
                let mut object = object(&item, Value::Null)?;
                let path = path(&[ObjectKind::Composition.plural(), &name]);
                if !wanted(&name) || self.read_document(&path, &mut object).await? {
                    compositions.insert(name, object);
                }
            }
        }
    }

    /// Returns the pages of a list.
    pub(super) fn list(&self, list: &str) -> Pages {
        self.client
            .pages(&path(&[list]).query(&[("limit", PAGE_ITEMS)]))
    }

    /// Returns the pages of the hashes of keys.
    pub(super) fn hashes(&self) -> Pages {
        self.client
            .pages(&path(&["keys", "hashes"]).query(&[("limit", PAGE_ITEMS)]))
    }

    /// Returns the next page of a list.
    pub(super) async fn next(
        &mut self,
        pages: &mut Pages,
    ) -> Result<Option<Vec<Value>>, ClientError> {
        let page = pages.next().await?;
        // The end of a list takes no request.
        self.requests += usize::from(page.is_some());
        Ok(page)
    }

    /// Reads a document. Returns false if it was deleted since it was listed.
    async fn read_document(
        &mut self,
        path: &ApiPath,
        object: &mut RemoteObject,
    ) -> Result<bool, ClientError> {
        self.requests += 1;
        let response = match self.client.get(path).await {
            Ok(response) => response,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(error),
        };

        if let Some(etag) = response.etag() {
            etag.clone_into(&mut object.etag);
        }
        object.document = response.json()?;
        Ok(true)
    }

    /// Returns the hashes of the keys for which the file has one. Without the permission to read
    /// hashes, returns none and a warning: the API still refuses a change of the secret.
    async fn declared_hashes(
        &mut self,
        declaration: &Declaration,
    ) -> Result<(HashMap<String, String>, Option<String>), ClientError> {
        let declared = declaration.keys.iter().filter(|key| key.hash.is_some());
        let mut hashes: HashMap<_, _> = declared
            .map(|key| (key.key_id.clone(), String::new()))
            .collect();
        if hashes.is_empty() {
            return Ok((hashes, None));
        }

        let mut pages = self.hashes();
        loop {
            let page = match self.next(&mut pages).await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(error) if is_denied(&error) => {
                    let warning = "the hashes of the file are not compared, because GET /_tollgate/v1/keys/hashes \
                                   is not allowed";
                    return Ok((HashMap::new(), Some(warning.to_owned())));
                }
                Err(error) => return Err(error),
            };
            for item in page {
                let key_id = item["key_id"].as_str().unwrap_or_default();
                if let (Some(known), Some(hash)) = (hashes.get_mut(key_id), item["hash"].as_str()) {
                    hash.clone_into(known);
                }
            }
        }
        hashes.retain(|_, hash| !hash.is_empty());
        Ok((hashes, None))
    }
}

/// True if API Gateway or the API denies access.
fn is_denied(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused(refusal) if refusal.status == FORBIDDEN)
}

fn name(item: &Value) -> String {
    item["name"].as_str().unwrap_or_default().to_owned()
}

fn object(item: &Value, document: Value) -> Result<RemoteObject, CommandError> {
    Ok(RemoteObject {
        document,
        etag: etag(item)?.to_owned(),
        managed_by: item["managed_by"].as_str().map(str::to_owned),
    })
}

/// Returns the entity tag of an object in a list. Without it, a change would not be conditional.
fn etag(item: &Value) -> Result<&str, CommandError> {
    let etag = item["etag"].as_str().filter(|etag| !etag.is_empty());
    etag.ok_or_else(|| {
        CommandError::usage("a list of the API has an object without `etag`: is it Tollgate?")
    })
}
